"""The REST application: routes, errors, documentation, and what wraps them."""

from typing import Any

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from csms.api import (
    alerts,
    call_route,
    charger_files,
    charger_tags,
    chargers,
    commands,
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
    reservations,
    security,
    series,
    session,
    session_oidc,
    sites,
    templates,
    tenants,
    tokens,
    transactions,
    transfers,
    uptime,
    users,
    variables,
)
from csms.api.auth import AuthenticationMiddleware
from csms.api.call_lane import CallLane
from csms.api.docs import docs_page
from csms.api.etags import EtagMiddleware
from csms.api.idempotency import IdempotencyMiddleware
from csms.api.limits import LimitsMiddleware
from csms.api.lists import LISTS
from csms.api.openapi import TITLE, VERSION, document
from csms.api.problems import HANDLERS
from csms.api.query import only_known
from csms.api.rates import Buckets, RateMiddleware
from csms.api.rules import check_routes
from csms.api.services import Services
from csms.api.trail import AuditTrail
from csms.dashboard import app as dashboard

ROUTERS = (
    charger_files.router,
    charger_tags.router,
    files.router,
    transfers.router,
    chargers.router,
    commands.router,
    security.router,
    tokens.router,
    sites.router,
    transactions.router,
    variables.router,
    local_lists.router,
    reservations.router,
    templates.router,
    overview.router,
    uptime.router,
    jobs.router,
    keys.router,
    tenants.router,
    session.router,
    session_oidc.router,
    users.router,
    alerts.router,
    inbox.router,
)
"""Every path of theirs is a row of `csms.api.rules`."""


class Application(FastAPI):
    """The application; what its lane takes passes its layers by."""

    lane: CallLane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if self.lane is None or not await self.lane.takes(scope, receive, send):
            await super().__call__(scope, receive, send)


def build_app(services: Services) -> Application:
    """Return the application over `services`."""
    app = Application(
        title=TITLE,
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.state.services = services
    first = call_route.routes()
    app.router.routes += first  # Routes are looked through in order.
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(only_known)])
    plain = [
        *hot.routes(LISTS),
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
    check_routes([*(route for router in ROUTERS for route in router.routes), *first, *plain])
    # The last one added is the outermost.
    settings = services.settings
    app.add_middleware(EtagMiddleware)
    app.add_middleware(IdempotencyMiddleware, services=services)
    buckets = Buckets(settings)
    app.add_middleware(RateMiddleware, settings=settings, clock=services.clock, buckets=buckets)
    app.add_middleware(
        AuthenticationMiddleware,
        authenticator=services.authenticator,
        admit=services.sessions.admit,
    )
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
    app.lane = CallLane(app, services, trail, buckets)
    return app


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; made once."""
    if app.openapi_schema is None:
        settings = app.state.services.settings
        app.openapi_schema = document(app.routes, settings.page_items_max)
    return app.openapi_schema


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi(request.app))


async def _docs(request: Request) -> Response:
    return HTMLResponse(docs_page(openapi(request.app)))
