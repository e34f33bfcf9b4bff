"""`GET /api/v1/events`: server-sent events (WHATWG HTML, section 9.2), one stream for each page."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from csms.api.auth import principal_of
from csms.api.hub import KINDS, QUIET, Filter, Hub, Watcher
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.schemas import TEXT, row
from csms.api.services import Services, services_of
from csms.api.tenancy import tenant_filter
from domain.errors import InvalidInput

PATH = "/api/v1/events"
PARAMETERS = {
    "kind": "Only of this kind; may be sent again. Without it: all but `message`.",
    "charger": "Only of this charger; may be sent again, for the chargers in sight.",
    "site": "Only of this site; may be sent again.",
}
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
EVENT = row(
    event=TEXT | {"enum": ["open", "changes", "snapshot"]},
    id=TEXT | {"description": "Sent back as `Last-Event-ID` by who comes back."},
    data=TEXT | {"description": "JSON."},
)
"""JSON schema of each event."""
ALIVE = b": alive\n\n"


async def stream(request: Request) -> Response:
    """Answer with a stream that ends after `api.live_stream_s`; browsers come back by themselves.

    So whoever loses his rights loses the stream, and who comes back misses nothing.
    """
    services = services_of(request)
    wanted = filter_of(request, services)
    last_id = request.headers.get("last-event-id", "")
    watcher = services.hub.open(wanted, last_id)
    if watcher is None:
        text = f"{services.settings.live_streams_max} streams are open (api.live_streams_max)"
        raise Problem(503, "too_many_streams", text, {"Retry-After": "5"})
    return StreamingResponse(
        frames(services.hub, watcher, services), media_type="text/event-stream", headers=HEADERS
    )


def filter_of(request: Request, services: Services) -> Filter:
    """Return what is asked for, as far as whoever asks may see it.

    Raises:
        InvalidInput: a parameter that there is not, an unknown kind, or too many chargers.
    """
    found: dict[str, set[str]] = {name: set() for name in PARAMETERS}
    for name, text in request.query_params.multi_items():
        if name not in found:
            raise InvalidInput(name, f"no such parameter; there are {', '.join(found)}")
        found[name].add(text)
    if unknown := found["kind"] - KINDS:
        raise InvalidInput("kind", f"no such kind {min(unknown)!r}; there are {sorted(KINDS)}")
    names_max = services.settings.live_names_max
    for name in ("charger", "site"):
        if len(found[name]) > names_max:
            raise InvalidInput(name, f"at most {names_max} of them (api.live_names_max)")
    principal = principal_of(request)
    return Filter(
        frozenset(found["kind"]) or QUIET,
        frozenset(found["charger"]),
        frozenset(found["site"]),
        tenant_filter(principal),
        principal.sites or None,
    )


async def frames(hub: Hub, watcher: Watcher, services: Services) -> AsyncIterator[bytes]:
    """Yield what a stream has to send, until it has lasted long enough or the node drains."""
    settings = services.settings
    loop = asyncio.get_running_loop()
    end_s = loop.time() + settings.live_stream_s
    try:
        yield b"retry: 2000\n\n"
        while not hub.closed.is_set() and loop.time() < end_s:
            watcher.wake.clear()
            while watcher.frames:
                yield watcher.frames.popleft()
            try:
                async with asyncio.timeout(min(settings.live_alive_s, end_s - loop.time())):
                    await watcher.wake.wait()
            except TimeoutError:
                yield ALIVE
    finally:
        hub.close(watcher)


def routes() -> list[Route]:
    """Return the route."""
    return [Route(PATH, stream, methods=["GET"])]


def openapi_paths() -> dict[str, Any]:
    """Return its entry of the OpenAPI document."""
    return {
        PATH: {
            "get": {
                "tags": ["events"],
                "operationId": "stream_events",
                "summary": "What changes, as server-sent events",
                "description": "Events: `changes` (at most `api.live_hz` a second, each object "
                "once; a kind of which very many change is only counted, as `many`), `snapshot` "
                "(something was left out: ask the other routes anew), `open`. `Last-Event-ID` goes "
                "on where a stream has ended.",
                "parameters": [
                    {
                        "name": name,
                        "in": "query",
                        "description": text,
                        "explode": True,
                        "schema": {
                            "type": "array",
                            "items": {"type": "string"}
                            | ({"enum": sorted(KINDS)} if name == "kind" else {}),
                        },
                    }
                    for name, text in PARAMETERS.items()
                ],
                "responses": {
                    "200": {
                        "description": "A stream.",
                        "content": {"text/event-stream": {"schema": EVENT}},
                    },
                    **{str(status): entry for status, entry in problems(422).items()},
                },
            }
        }
    }
