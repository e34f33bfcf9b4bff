"""`/metrics`: what every process counts, merged, with the process as a label. Pure but for `page`.

Prometheus wants the lines of one family together (text format, version 0.0.4), and two gateways
have the same families.
"""

import re
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import Response

from csms.api.auth import principal_of
from csms.api.services import Services, services_of
from csms.api.tenancy import check_installation
from supervisor.status import read_status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SAMPLE = re.compile(
    r"(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?"
    r"(?P<rest>\s+(?:[-+]?[\d.][\d.eE+-]*|NaN|[-+]?Inf)(?:\s+-?\d+)?)"
)
_SUFFIXES = ("_bucket", "_sum", "_count")


def merge(texts: Mapping[str, str]) -> str:
    """Return one text of the metrics of several processes, each sample with its `process`.

    Lines that are no metrics are left out.
    """
    heads: dict[str, dict[str, str]] = {}
    samples: dict[str, list[str]] = {}
    for process, text in texts.items():
        for line in text.splitlines():
            if line.startswith("# "):
                _, keyword, family, *rest = [*line.split(" ", 3), "", ""][:4]
                if keyword in {"HELP", "TYPE"}:
                    heads.setdefault(family, {}).setdefault(keyword, rest[0] if rest else "")
                continue
            match = _SAMPLE.fullmatch(line.strip())
            if match is None:
                continue
            family = _family(match["name"], heads)
            labels = match["labels"] or ""
            if "process=" not in labels:
                labels = f'process="{process}"' + (f",{labels}" if labels else "")
            samples.setdefault(family, []).append(f"{match['name']}{{{labels}}}{match['rest']}")
    lines = []
    for family, rows in samples.items():
        head = heads.get(family, {})
        lines += [
            f"# {keyword} {family} {head[keyword]}"
            for keyword in ("HELP", "TYPE")
            if keyword in head
        ]
        lines += rows
    return "\n".join(lines) + "\n"


def _family(name: str, heads: Mapping[str, Mapping[str, str]]) -> str:
    """Return the family of a sample: histograms have three names in one."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in heads:
            return name.removesuffix(suffix)
    return name


async def page(request: Request) -> Response:
    """Answer `GET /metrics`; a process that does not answer is missing, and `csms_up` says so."""
    check_installation(principal_of(request))
    services = services_of(request)
    texts = await services.backplane.metrics()
    own = "\n".join(await _own(services, texts)) + "\n"
    return Response(merge({**texts, "api": own}), media_type=CONTENT_TYPE)


async def _own(services: Services, texts: Mapping[str, str]) -> list[str]:
    """Return what the node looks like from here."""
    lines = ["# HELP csms_up Whether the process answers.", "# TYPE csms_up gauge"]
    lines += [
        f'csms_up{{process="{name}"}} {int(name in texts or up)}'
        for name, up in services.backplane.up().items()
    ]
    lines += ["# HELP csms_projection_lag_entries Journal entries that are not projected yet."]
    lines += ["# TYPE csms_projection_lag_entries gauge"]
    for projection, journals in (await services.backplane.lags()).items():
        for journal, at in journals.items():
            behind = max(0, at["last"] - at["lsn"])
            labels = f'process="{projection}",journal="{journal}"'
            lines.append(f"csms_projection_lag_entries{{{labels}}} {behind}")
    lines += _restarts(services)
    return lines


def _restarts(services: Services) -> Iterator[str]:
    status = read_status(services.run_dir)
    if status is None:
        return
    yield "# HELP csms_process_restarts_total Starts of a process after its first."
    yield "# TYPE csms_process_restarts_total counter"
    for child in status.children:
        yield f'csms_process_restarts_total{{process="{child.name}"}} {child.restarts}'
