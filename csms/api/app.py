"""The REST application: routes, errors, documentation, and what wraps them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from csms.api import (
    alerts,
    calls,
    charger_files,
    chargers,
    events,
    files,
    health,
    hot,
    inbox,
    jobs,
    keys,
    local_lists,
    metrics,
    overview,
    security,
    series,
    sites,
    templates,
    tokens,
    transactions,
    transfers,
    variables,
)
from csms.api.auth import AuthenticationMiddleware, Authenticator
from csms.api.docs import docs_page
from csms.api.idempotency import IdempotencyMiddleware
from csms.api.limits import LimitsMiddleware
from csms.api.problems import HANDLERS
from csms.api.rates import RateMiddleware
from csms.api.responses import PROBLEM_SCHEMA
from csms.api.rules import check_routes
from csms.api.services import Services
from csms.api.trail import AuditTrail
from csms.dashboard import app as dashboard

TITLE = "csms"
VERSION = "1"
DESCRIPTION = (
    "Send an API key as `Authorization: Bearer <key>`. What a role may do: docs/permissions.md. "
    "Instants are microseconds since 1970-01-01 "
    "UTC in fields that end in `_us`. Lists follow a cursor: send `next` as `cursor`."
)


ROUTERS = (
    charger_files.router,
    files.router,
    transfers.router,
    chargers.router,
    calls.router,
    security.router,
    tokens.router,
    sites.router,
    transactions.router,
    variables.router,
    local_lists.router,
    templates.router,
    overview.router,
    jobs.router,
    keys.router,
    alerts.router,
    inbox.router,
)
"""Every path of theirs is a row of `csms.api.rules`."""


def build_app(services: Services) -> FastAPI:
    """Return the application over `services`."""
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    plain = [
        *hot.routes(),
        *series.routes(),
        *events.routes(),
        *health.routes(),
        *transfers.routes(),
        *dashboard.routes(),
        Route("/metrics", metrics.page, methods=["GET"]),
        Route("/api/openapi.json", _openapi, methods=["GET"]),
        Route("/api/docs", _docs, methods=["GET"]),
    ]
    app.router.routes += plain
    check_routes([*(route for router in ROUTERS for route in router.routes), *plain])
    authenticator = Authenticator(
        services.registry.api_keys.verify, services.settings, services.clock
    )
    # The last one added is the outermost.
    settings = services.settings
    app.add_middleware(IdempotencyMiddleware, services=services)
    app.add_middleware(RateMiddleware, settings=settings, clock=services.clock)
    app.add_middleware(AuthenticationMiddleware, authenticator=authenticator)
    app.add_middleware(dashboard.PagesMiddleware)
    trail = AuditTrail(services.engine, settings, services.clock)
    app.add_middleware(
        LimitsMiddleware,
        body_bytes_max=settings.body_bytes_max,
        trail=trail,
        longer={
            transfers.PATH: services.files.upload_bytes_max,
            files.PATH: services.files.firmware_bytes_max,
        },
    )
    return app


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes
        )
        page_items_max = app.state.services.settings.page_items_max
        plain = hot.openapi_paths(page_items_max) | series.openapi_paths() | events.openapi_paths()
        for path, item in plain.items():
            document["paths"][path] = {**item, **document["paths"].get(path, {})}
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        definitions = dict(PROBLEM_SCHEMA)
        schemas.update(definitions.pop("$defs", {}))
        schemas["ProblemView"] = definitions
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        app.openapi_schema = document
    return app.openapi_schema


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi(request.app))


async def _docs(request: Request) -> Response:
    return HTMLResponse(docs_page(openapi(request.app)))
