"""`/health` and `/ready`: without a key, and without anything that a stranger should not know."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csms.api.schemas import TEXT, Schema, row
from csms.api.services import services_of
from domain.errors import CsmsError
from storage.relational.engine import reading


async def health(_request: Request) -> Response:
    """200: this process answers."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """200: chargers are let in. 503: no gateway lets anybody in, and each says why.

    A part is "up", "down", or the reason for which a gateway refuses everybody now, a word of
    csms.gateway.refusals. Without the warehouse or the ledger chargers are still served: these are
    told, not required.
    """
    services = services_of(request)
    gateways = await services.backplane.refusing()
    parts = {name: "up" if is_up else "down" for name, is_up in services.backplane.up().items()}
    parts |= {name: reason or "up" for name, reason in gateways.items()}
    try:
        async with reading(services.engine):
            parts["database"] = "up"
    except CsmsError:
        parts["database"] = "down"
    serving = "" in gateways.values()
    whole = serving and all(state == "up" for state in parts.values())
    status = "ready" if whole else "degraded" if serving else "unavailable"
    return JSONResponse({"status": status, "parts": parts}, 200 if serving else 503)


def routes() -> list[Route]:
    """Return the routes, at the root for probes and below /api/v1 for clients."""
    return [
        Route(prefix + path, endpoint, methods=["GET"])
        for prefix in ("", "/api/v1")
        for path, endpoint in (("/health", health), ("/ready", ready))
    ]


def openapi_paths() -> dict[str, Any]:
    """Return their entries of the OpenAPI document."""
    state = row(
        status=TEXT | {"enum": ["ready", "degraded", "unavailable"]},
        parts={"type": "object", "additionalProperties": TEXT},
    )
    of_health = {"200": _answer("This process answers.", row(status=TEXT))}
    of_ready = {
        "200": _answer("Chargers are let in.", state),
        "503": _answer("No gateway lets anybody in.", state),
    }
    return {
        prefix + path: {
            "get": {
                "tags": ["health"],
                "summary": summary,
                "operationId": f"get_{path[1:]}" + ("_v1" if prefix else ""),
                "security": [],
                "responses": answers,
            }
        }
        for prefix in ("", "/api/v1")
        for path, summary, answers in (
            ("/health", "Whether this process answers", of_health),
            ("/ready", "Whether chargers are let in", of_ready),
        )
    }


def _answer(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
