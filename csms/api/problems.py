"""Errors as application/problem+json (RFC 9457): what is wrong, where, and what to do."""

import difflib
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from csms.api.rules import Book
from domain.errors import CsmsError, InvalidInput, NotFound, Unavailable
from supervisor.links import LinkError

LOG = logging.getLogger(__name__)
BAD_REQUEST = 400
METHOD_NOT_ALLOWED = 405
BOOK = Book()
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""Told to clients when a part of the node is away: restarts take less."""

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

TITLES: Mapping[int, str] = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    422: "Invalid input",
    429: "Too many attempts",
    500: "Internal error",
    503: "Unavailable",
    504: "No answer in time",
    507: "No room",
}


class Problem(CsmsError):
    """An answer that is no success.

    Args:
        status: of HTTP.
        kind: a short word for programs: charger_offline, unknown_action ...
        detail: a sentence for people.
        headers: of the answer.
        more: further members of the document.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - members of a JSON document
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> Response:
        """Return the HTTP answer."""
        document = {
            "type": f"urn:csms:problem:{self.kind}",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        body = msgspec.json.encode(document)
        return Response(body, self.status, {**self.headers, "Content-Type": MEDIA_TYPE})


def from_error(error: CsmsError) -> Problem:
    """Return the problem that an error of ours is."""
    match error:
        case Problem():
            return error
        case InvalidInput(field="id" | "login" as field, rule=rule) if "exists already" in rule:
            return Problem(409, "exists", str(error), errors=[_error(field, rule)])
        case InvalidInput(field=field, rule=rule):
            return Problem(422, "invalid", str(error), errors=[_error(field, rule)])
        case NotFound():
            return Problem(404, "not_found", str(error))
        case Unavailable() | LinkError():
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            return Problem(503, "unavailable", str(error), headers)
        case _:
            LOG.error("unexpected error of ours", exc_info=error)
            return Problem(500, "internal", "something went wrong here; see the log")


def from_validation(errors: Sequence[Mapping[str, Any]], known: Iterable[str]) -> Problem:
    """Return the problem of a body or parameter; values are never repeated: they may be secret.

    Args:
        errors: as pydantic lists them.
        known: names of fields, for suggestions.
    """
    names = list(known)
    rows = []
    for error in errors:
        path = [str(part) for part in error["loc"] if part not in {"body", "query", "path"}]
        field = ".".join(path) or "body"
        rule = str(error["msg"]).removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path[-1], names, n=1)
            rule = "no such field" + (f"; did you mean {near[0]}?" if near else "")
        rows.append(_error(field, rule))
    detail = "; ".join(f"{row['field']}: {row['rule']}" for row in rows)
    return Problem(422, "invalid", detail, errors=rows)


def _error(field: str, rule: str) -> dict[str, str]:
    return {"field": field, "rule": rule}


async def _on_ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CsmsError)
    return from_error(error).response()


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    body_field = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(body_field, "field_info", None), "annotation", None)
    return from_validation(error.errors(), getattr(model, "model_fields", {})).response()


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    cause = error.__cause__
    if isinstance(cause, CsmsError):
        return from_error(cause).response()  # raised while the body was read
    if error.status_code == BAD_REQUEST and cause is not None:
        rule = "must be JSON in UTF-8, not nested too deeply"
        return from_error(InvalidInput("body", rule)).response()
    kinds = {404: "not_found", 405: "method_not_allowed"}
    kind = kinds.get(error.status_code, "http")
    headers = dict(error.headers or {})
    if error.status_code == METHOD_NOT_ALLOWED:
        # A route has one method; the path has all of those of its routes (RFC 9110, 15.5.6).
        headers["Allow"] = ", ".join(BOOK.methods(request.url.path)) or headers.get("Allow", "")
    return Problem(error.status_code, kind, str(error.detail), headers).response()


async def _on_other(_request: Request, error: Exception) -> Response:
    return failure_of(error).response()


def failure_of(error: Exception) -> Problem:
    """Return the problem that a mistake of ours is; the log says more."""
    LOG.error("a request failed", exc_info=error)
    return Problem(500, "internal", "something went wrong here; see the log")


HANDLERS: Mapping[type[Exception], Handler] = {
    CsmsError: _on_ours,
    RequestValidationError: _on_validation,
    HTTPException: _on_http,
    Exception: _on_other,
}
