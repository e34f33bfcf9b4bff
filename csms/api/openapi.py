"""The OpenAPI document: made from the routes, the tables of lists, and what all routes share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from csms.api import call_route, etags, events, health, hot, metrics, series
from csms.api.lists import LISTS
from csms.api.responses import PROBLEM_SCHEMA, problems
from csms.api.sessions import COOKIE

TITLE: Final = "csms"
VERSION: Final = "1"
DESCRIPTION: Final = (
    "Send an API key as `Authorization: Bearer <key>`, or the cookie of a session (and with writes "
    "its token as `X-CSRF-Token`). What a role may do: docs/permissions.md. "
    "Instants are microseconds since 1970-01-01 "
    "UTC in fields that end in `_us`. Lists follow a cursor: send `next` as `cursor`. "
    "What can be edited has an `ETag`: send it as `If-Match` with a change, and nobody overwrites "
    "what somebody else has changed meanwhile."
)
NAME_LENGTH_MAX: Final = 255
"""Of what stands in a path: nothing has a longer name."""
METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


def document(routes: Sequence[BaseRoute], page_items_max: int) -> dict[str, Any]:
    """Return the document of an application.

    Args:
        routes: all of it; those of FastAPI describe themselves.
        page_items_max: of a page of a list.
    """
    made = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=routes)
    paths = made["paths"]
    plain = hot.openapi_paths(LISTS, page_items_max) | series.openapi_paths()
    plain |= call_route.openapi_paths()
    plain |= events.openapi_paths() | health.openapi_paths() | metrics.openapi_paths()
    for path, item in plain.items():
        paths[path] = {**item, **paths.get(path, {})}
    etags.describe(paths)
    for item in paths.values():
        for method in METHODS & item.keys():
            for share in SHARED:
                share(item[method])
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    definitions = dict(PROBLEM_SCHEMA)
    schemas.update(definitions.pop("$defs", {}))
    schemas["ProblemView"] = definitions
    schemas |= call_route.openapi_schemas()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    made["security"] = [{"key": []}, {"session": []}]
    return made


def _name_paths(operation: dict[str, Any]) -> None:
    """What stands in a path is short and not empty, and may name nothing that there is."""
    named = [one for one in operation.get("parameters", ()) if one["in"] == "path"]
    for parameter in named:
        parameter["schema"] |= {"minLength": 1, "maxLength": NAME_LENGTH_MAX}
    if named:
        _may_answer(operation, 404)


def _check_input(operation: dict[str, Any]) -> None:
    """Whatever can be sent wrongly can be answered with what is wrong."""
    if operation.get("parameters") or "requestBody" in operation:
        # In place of what FastAPI would say.
        operation["responses"]["422"] = problems(422)[422]
    if "requestBody" in operation:
        _may_answer(operation, 413)


def _may_answer(operation: Mapping[str, Any], status: int) -> None:
    operation["responses"].setdefault(str(status), problems(status)[status])


SHARED: Final[Sequence[Callable[[dict[str, Any]], None]]] = (_name_paths, _check_input)
