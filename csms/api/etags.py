"""Entity tags: nobody overwrites what somebody else has changed meanwhile (RFC 9110, section 13).

`RESOURCES` is the whole of it: what has a tag, what of it is edited, and which writes look at the
tag. A tag has two parts, `"<version>.<rest>"`. The version changes when somebody edits the thing;
the rest changes with whatever else the answer shows, such as where a charger is connected now. So
`If-None-Match`, which asks whether the answer would be the same, compares all of it; `If-Match`,
which asks whether somebody else was faster, compares the version alone, and a charger that reports
does not stand in the way of an operator. `"<version>"` is enough there: of chargers, tokens and
sites it is their `revision`.

Without `If-Match` a write is done as before. With it, of writes of one thing that come at the same
time one is done and the others are answered with 412: they wait for each other here.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from csms.api.held import Held, held
from csms.api.problems import Problem, from_error
from csms.api.responses import problems
from csms.api.rules import CHARGER, SITE, V1, Book, Rule
from domain.errors import CsmsError, Unavailable

OK: Final = 200
NOT_MODIFIED: Final = 304
NOT_FOUND: Final = 404
DIGEST_LENGTH: Final = 16
"""Hexadecimal digits: 64 bits, for states of one thing."""
CONDITIONS: Final = ("if-match", "if-none-match")
TAG: Final = re.compile(r'(W/)?"([^"]*)"')


class Resource(NamedTuple):
    """A thing that can be edited."""

    path: str
    """Of the GET that shows it."""
    version: Sequence[str]
    """Fields of the answer that change when it is edited; none: any field."""
    writes: Sequence[tuple[str, str]]
    """Method and path of what edits it."""


def _edited(path: str, *methods: str, version: Sequence[str] = ()) -> Resource:
    return Resource(path, version, [(method, path) for method in methods])


JOB = f"{V1}/jobs/{{job}}"
REVISION = ("revision",)

RESOURCES: Final[Sequence[Resource]] = (
    _edited(CHARGER, "PATCH", "DELETE", version=REVISION),
    _edited(f"{CHARGER}/tags", "PUT"),
    _edited(f"{CHARGER}/local-list", "PUT", version=("filter", "version", "sent_us")),
    _edited(f"{V1}/tokens/{{token}}", "PUT", "DELETE", version=REVISION),
    _edited(SITE, "PUT", version=REVISION),
    _edited(f"{SITE}/model", "PUT", "DELETE"),
    _edited(f"{SITE}/signals", "PUT"),
    Resource(f"{SITE}/capacity", (), [("PUT", f"{SITE}/capacity/{{source}}")]),
    _edited(f"{V1}/templates/{{template}}", "PUT", "DELETE"),
    _edited(f"{V1}/keys/{{key}}", "DELETE"),
    _edited(f"{V1}/outage-exclusions/{{exclusion}}", "DELETE"),
    _edited(f"{V1}/alert-rules/{{rule}}", "PUT", "DELETE"),
    _edited(f"{V1}/alert-channels/{{channel}}", "DELETE"),
    _edited(f"{V1}/alert-silences/{{silence}}", "DELETE"),
    Resource(
        f"{V1}/alerts/{{alert}}",
        ("state",),
        [("POST", f"{V1}/alerts/{{alert}}/acknowledge")],
    ),
    Resource(
        JOB,
        ("state", "reason"),
        [("POST", f"{JOB}/{how}") for how in ("pause", "resume", "cancel")],
    ),
    _edited(f"{V1}/tenants/{{tenant}}", "PUT"),
    _edited(f"{V1}/users/{{user}}", "PATCH", "DELETE", version=REVISION),
)

BY_GET: Final[Mapping[str, Resource]] = {one.path: one for one in RESOURCES}
BY_WRITE: Final[Mapping[tuple[str, str], Resource]] = {
    write: one for one in RESOURCES for write in one.writes
}


def tag_of(resource: Resource, body: bytes) -> str:
    """Return the entity tag of an answer, without quotes."""
    whole = hashlib.sha256(body).hexdigest()[:DIGEST_LENGTH]
    if not resource.version:
        return whole
    shown: dict[str, Any] = msgspec.json.decode(body)
    values = [shown.get(name) for name in resource.version]
    if len(values) == 1 and isinstance(values[0], int):
        return f"{values[0]}.{whole}"
    version = hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()
    return f"{version[:DIGEST_LENGTH]}.{whole}"


def is_edited_since(header: str, tag: str | None) -> bool:
    """Return whether `If-Match` does not hold. `tag` None: there is no such thing."""
    if tag is None or header.strip() == "*":
        return tag is None
    version = tag.partition(".")[0]
    strong = [found[2] for found in TAG.finditer(header) if not found[1]]
    return version not in {one.partition(".")[0] for one in strong}


def is_unchanged(header: str, tag: str) -> bool:
    """Return whether `If-None-Match` says that the caller has this answer already."""
    return header.strip() == "*" or tag in {found[2] for found in TAG.finditer(header)}


class EtagMiddleware:
    """Gives tags and looks at them; stands behind authentication, right before the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._book = Book()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] == "GET":
            rule, _ = self._book.of(scope)
            if rule is not None and rule.path in BY_GET:
                await self._tagged(BY_GET[rule.path], headers, scope, receive, send)
                return
        elif any(name in headers for name in CONDITIONS):
            rule, names = self._book.of(scope)
            if rule is not None and (rule.method, rule.path) in BY_WRITE:
                await self._guarded(rule, names, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _tagged(
        self, resource: Resource, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer = Held()
        await self._app(scope, receive, answer.take)
        if answer.status == OK:
            tag = tag_of(resource, answer.body)
            answer.headers["etag"] = f'"{tag}"'
            if is_unchanged(headers.get("if-none-match", ""), tag):
                response = Response(status_code=NOT_MODIFIED, headers={"etag": f'"{tag}"'})
                await response(scope, receive, send)
                return
        await answer.send(send)

    async def _guarded(
        self, rule: Rule, names: Mapping[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        resource = BY_WRITE[rule.method, rule.path]
        path = _filled(resource.path, names)
        turn = self._turns.setdefault(path, asyncio.Lock())
        async with turn:
            try:
                await self._check(resource, path, scope)
            except CsmsError as error:
                await from_error(error).response()(scope, receive, send)
                return
            await self._app(scope, receive, send)

    async def _check(self, resource: Resource, path: str, scope: Scope) -> None:
        """Raise Problem 412 when a thing is not as the caller has seen it."""
        asking = {
            **scope,
            "method": "GET",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": b"",
        }
        now = await held(self._app, asking, b"")
        if now.status not in {OK, NOT_FOUND}:
            raise Unavailable("what it is now")
        tag = tag_of(resource, now.body) if now.status == OK else None
        headers = Headers(scope=scope)
        # All headers of one name count as one list.
        wanted, unwanted = (", ".join(headers.getlist(name)) for name in CONDITIONS)
        said = {"ETag": f'"{tag}"'} if tag else {}
        if "if-match" in headers and is_edited_since(wanted, tag):
            text = "it was changed or removed since you read it: read it again, then change it"
            raise Problem(412, "changed", text, said)
        if tag is not None and is_unchanged(unwanted, tag):
            raise Problem(412, "exists", "there is such a thing already", said)


def _filled(path: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def describe(paths: Mapping[str, Any]) -> None:
    """Put headers and answers of tags into the paths of the OpenAPI document."""
    changed = {"412": problems(412)[412]}
    for operation in _operations(paths, BY_GET):
        _parameter(operation, "If-None-Match", "Tags of answers that you have: 304 when so.")
        operation["responses"]["200"].setdefault("headers", {})["ETag"] = {
            "description": "Send it as If-Match with a change, or as If-None-Match.",
            "required": True,
            "schema": {"type": "string"},
        }
        operation["responses"]["304"] = {"description": "You have this answer already."}
    for operation in _operations(paths, BY_WRITE):
        _parameter(operation, "If-Match", "Tag of what you have read: 412 when it has changed.")
        _parameter(operation, "If-None-Match", "*: 412 when there is such a thing.")
        operation["responses"] |= changed


def _operations(paths: Mapping[str, Any], table: Mapping[Any, Resource]) -> Iterator[Any]:
    for row in table:
        method, path = ("GET", row) if isinstance(row, str) else row
        yield paths[path][method.lower()]


def _parameter(operation: dict[str, Any], name: str, description: str) -> None:
    operation.setdefault("parameters", []).append(
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string"},
        }
    )
