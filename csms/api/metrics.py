"""`/metrics`: what every process counts, merged, with the process as a label."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from csms.api.responses import problems
from csms.api.schemas import TEXT
from csms.api.services import Services, services_of
from supervisor.status import read_status
from supervisor.telemetry import Telemetry, merge

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def page(request: Request) -> Response:
    """Answer `GET /metrics`; a process that does not answer is missing, and `csms_up` says so."""
    services = services_of(request)
    texts = await services.backplane.metrics()
    return Response(merge({**texts, "api": _own(services, texts)}), media_type=CONTENT_TYPE)


def _own(services: Services, texts: dict[str, str]) -> str:
    """Return what the node looks like from here."""
    telemetry = Telemetry()
    for name, is_up in services.backplane.up().items():
        telemetry.gauge("csms_up", name).set(name in texts or is_up)
    status = read_status(services.run_dir)
    for child in status.children if status is not None else ():
        telemetry.counter("csms_restarts_total", child.name).add(child.restarts)
    for name, stats in services.backplane.stats().items():
        telemetry.watch_links(name, stats)
    return telemetry.render()


def openapi_paths() -> dict[str, Any]:
    """Return its entry of the OpenAPI document."""
    said = {
        "description": "In the format of Prometheus.",
        "content": {"text/plain": {"schema": TEXT}},
    }
    return {
        "/metrics": {
            "get": {
                "tags": ["health"],
                "summary": "What every process counts",
                "operationId": "get_metrics",
                "responses": {
                    "200": said,
                    **{str(status): entry for status, entry in problems().items()},
                },
            }
        }
    }
