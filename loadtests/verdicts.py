"""Thresholds, and what a run is worth by them. Pure: no Locust, no files.

A verdict file:

    loss_max = 0                 # acknowledged and not stored
    failures_max = 0.01          # share of everything that was measured
    generator_cores_max = 0.9    # each process; above, the generator was measured, not the server

    [[threshold]]
    type = "OCPP"                # CONNECT, OCPP, CSMS, FLOW, or REST's GET, POST, ...
    name = "MeterValues"         # with * and ? as in file names
    p99_ms = 200
    failures_max = 0.0
    count_min = 100
"""

import tomllib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from xml.etree import ElementTree as ET

from pydantic import BaseModel, ConfigDict, Field


class Threshold(BaseModel):
    """What is asked of every measured row whose type and name match. What is not said is not asked.

    Quantiles are those of rows that ended well and of those that did not, as Locust counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(default="*", description="CONNECT, OCPP, CSMS, FLOW, GET, POST, ... or *.")
    name: str = Field(default="*", description="Action, flow or path; * and ? as in file names.")
    p50_ms: float | None = Field(default=None, gt=0, description="Half are faster.")
    p95_ms: float | None = Field(default=None, gt=0, description="95 % are faster.")
    p99_ms: float | None = Field(default=None, gt=0, description="99 % are faster.")
    max_ms: float | None = Field(default=None, gt=0, description="All are faster.")
    failures_max: float | None = Field(
        default=None, ge=0, le=1, description="Share that may have failed."
    )
    count_min: int | None = Field(
        default=None, ge=1, description="How many there must be; without matching rows it fails."
    )


class Thresholds(BaseModel):
    """A verdict file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss_max: int | None = Field(
        default=0, ge=0, description="Acknowledged messages that are not stored."
    )
    failures_max: float = Field(
        default=1.0, ge=0, le=1, description="Share of everything that may have failed."
    )
    generator_cores_max: float = Field(
        default=64.0,
        gt=0,
        description="Cores that a process of the generator may use on average.",
    )
    generator_lag_ms_max: float | None = Field(
        default=None, gt=0, description="How late the generator's greenlets may wake on average."
    )
    threshold: tuple[Threshold, ...] = Field(default=(), description="Of rows, one table each.")


class Measured(NamedTuple):
    """One row of the results; times in milliseconds."""

    type: str
    name: str
    count: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Judgement(NamedTuple):
    """One thing that was asked, and how it was."""

    what: str
    asked: str
    found: str
    passed: bool


QUANTILES = ("p50_ms", "p95_ms", "p99_ms", "max_ms")


def read_thresholds(text: str) -> Thresholds:
    """Read a verdict file. tomllib.TOMLDecodeError, pydantic.ValidationError: it is none."""
    return Thresholds.model_validate(tomllib.loads(text))


def judge(
    thresholds: Thresholds,
    rows: Sequence[Measured],
    *,
    loss: int | None,
    generator_cores: float,
    generator_lag_ms: float = 0.0,
) -> list[Judgement]:
    """Compare a run with what was asked.

    Args:
        thresholds: what was asked.
        rows: what was measured.
        loss: acknowledged and not stored; None: it is not known.
        generator_cores: of a process of the generator, on average.
        generator_lag_ms: how late its greenlets woke, on average.
    """
    count = sum(row.count for row in rows)
    failed = sum(row.failures for row in rows)
    # Connections that are accepted and then dropped say nothing of a server that answers nobody.
    answered = sum(row.count - row.failures for row in rows if row.type != "CONNECT")
    share = failed / count if count else 0.0
    found = [
        Judgement("messages", "at least 1 answered", str(answered), answered > 0),
        Judgement(
            "failures", f"≤ {thresholds.failures_max:.2%}", f"{share:.2%}",
            share <= thresholds.failures_max,
        ),
        Judgement(
            "generator", f"≤ {thresholds.generator_cores_max} cores", f"{generator_cores:.2f}",
            generator_cores <= thresholds.generator_cores_max,
        ),
    ]  # fmt: skip
    if thresholds.loss_max is not None and loss is not None:
        asked = f"≤ {thresholds.loss_max}"
        found.append(Judgement("loss", asked, str(loss), loss <= thresholds.loss_max))
    most_ms = thresholds.generator_lag_ms_max
    if most_ms is not None:
        told = f"{generator_lag_ms:.1f} ms"
        found.append(
            Judgement("generator", f"lag ≤ {most_ms:g} ms", told, generator_lag_ms <= most_ms)
        )
    for threshold in thresholds.threshold:
        found += _judge_rows(threshold, rows)
    return found


def _judge_rows(threshold: Threshold, rows: Iterable[Measured]) -> list[Judgement]:
    what = f"{threshold.type} {threshold.name}"
    matching = [
        row
        for row in rows
        if fnmatchcase(row.type, threshold.type) and fnmatchcase(row.name, threshold.name)
    ]
    found: list[Judgement] = []
    if threshold.count_min is not None:
        count = sum(row.count for row in matching)
        asked = f"count ≥ {threshold.count_min}"
        found.append(Judgement(what, asked, str(count), count >= threshold.count_min))
    for row in matching:
        what = f"{row.type} {row.name}"
        for quantile in QUANTILES:
            limit, value = getattr(threshold, quantile), getattr(row, quantile)
            if limit is not None:
                asked = f"{quantile.removesuffix('_ms')} ≤ {limit:g} ms"
                found.append(Judgement(what, asked, f"{value:.1f} ms", value <= limit))
        if threshold.failures_max is not None:
            share = row.failures / row.count if row.count else 0.0
            asked = f"failures ≤ {threshold.failures_max:.2%}"
            found.append(Judgement(what, asked, f"{share:.2%}", share <= threshold.failures_max))
    return found


def junit(judgements: Sequence[Judgement], name: str = "loadtest") -> str:
    """Return the verdict as JUnit XML: one case for everything that was asked."""
    failed = [row for row in judgements if not row.passed]
    suite = ET.Element(
        "testsuite", name=name, tests=str(len(judgements)), failures=str(len(failed)), errors="0"
    )
    for row in judgements:
        case = ET.SubElement(suite, "testcase", classname=row.what, name=row.asked)
        if not row.passed:
            ET.SubElement(case, "failure", message=f"asked {row.asked}, found {row.found}")
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
