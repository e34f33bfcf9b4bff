"""Firmware that one charger fetches and logs that it sends, and the calls that make it do so.

The address of each transfer has a secret of 256 bits, is for one charger and one direction, and
ends: an upload with its first file, a download with its time (a charger may ask for ranges, and
again). Nothing of what a charger names becomes a path here.
"""

import asyncio
import secrets
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator, Field
from starlette.responses import FileResponse
from starlette.routing import Route

from csms.api.auth import Caller
from csms.api.calls import Call, send_call
from csms.api.files import FilePage, FileView, page_of, take, view
from csms.api.models import CommandView, Input
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.rules import COMMANDS, TRANSFER, TRANSFERS
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger, check_tenant
from csms.files import payloads
from csms.files.payloads import FirmwareWanted, LogWanted
from domain.errors import InvalidInput, NotFound
from storage.file_store import FileStore
from storage.relational import files
from storage.relational.files import GET, PUT, FileRecord, Link, digest_of
from storage.relational.record_rules import PAGE_MAX

router = APIRouter(prefix="/api/v1/chargers/{charger}", tags=["files"])

PATH = TRANSFERS
REQUEST_MAX = 2**31 - 1
"""Numbers of requests are positive and fit into 31 bits."""
NAME_LENGTH_MAX = 255
SECRET_BYTES = 32
RETRY_S_MAX = 31_536_000

Wait = Annotated[
    float,
    Query(ge=0, allow_inf_nan=False, description="Seconds to wait for the charger's answer."),
]


def _text(value: object) -> object:
    # Numbers would be taken for seconds since 1970; the description promises text.
    if value is not None and not isinstance(value, str):
        raise ValueError("must be text, as 2026-01-31T12:00:00Z")
    return value


Instant = Annotated[AwareDatetime | None, BeforeValidator(_text)]


class NewFirmware(Input):
    """Which firmware, and when."""

    file: str = Field(description="Id of a firmware image.")
    retrieve_at: Instant = Field(default=None, description="Default: now.")
    install_at: Instant = Field(default=None, description="Default: when it suits the charger.")
    signature: str = Field(default="", description="Base64; with it the update is a signed one.")
    certificate: str = Field(default="", description="PEM of the manufacturer, for `signature`.")
    retries: int = Field(default=3, ge=0, le=100)
    retry_s: int = Field(default=120, ge=0, le=RETRY_S_MAX)


class NewLog(Input):
    """Which log, and of what time."""

    kind: Literal["DiagnosticsLog", "SecurityLog", "DataCollectorLog"] = "DiagnosticsLog"
    oldest: Instant = None
    latest: Instant = None
    retries: int = Field(default=3, ge=0, le=100)
    retry_s: int = Field(default=120, ge=0, le=RETRY_S_MAX)


class Transfer(CommandView):
    """The command, and the file that it is about."""

    file: FileView


@router.post(
    "/firmware",
    responses=problems(404, 409, 422) | {202: {"description": "Not answered yet."}},
    summary="Let a charger fetch and install firmware",
)
async def update_firmware(
    request: Request,
    response: Response,
    charger: str,
    body: NewFirmware,
    principal: Caller,
    wait: Wait = 30.0,
) -> Transfer:
    """Tell a charger where to fetch a firmware image that is kept here."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    image = await files.get(services.engine, body.file)
    check_tenant(principal, image.tenant, "file", body.file)
    if image.kind != files.FIRMWARE:
        raise NotFound("file", body.file)
    if bool(body.signature) != bool(body.certificate):
        raise InvalidInput("certificate", "must come with signature, and signature with it")
    now_us = services.clock.now_us()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    wanted = FirmwareWanted(
        _url(services, secret, image.name),
        secrets.randbelow(REQUEST_MAX) + 1,
        _micros(body.retrieve_at) or now_us,
        _micros(body.install_at),
        body.certificate,
        body.signature,
        body.retries,
        body.retry_s,
    )
    made = payloads.row_of(await _version(services, record.id, record.subprotocol)).firmware(wanted)
    begin_us = max(now_us, wanted.retrieve_us)
    until_us = begin_us + services.files.fetch_s * 1_000_000
    link = Link(digest_of(secret), image.id, record.id, GET, until_us)
    await files.add_link(services.engine, link)
    try:
        return await _send(request, response, charger, made, wait, image)
    except Problem:  # it was not told
        await files.remove_link(services.engine, link.digest)
        raise


@router.post(
    "/logs",
    responses=problems(404, 409, 422) | {202: {"description": "Not answered yet."}},
    summary="Let a charger send a log",
)
async def ask_log(
    request: Request,
    response: Response,
    charger: str,
    body: NewLog,
    principal: Caller,
    wait: Wait = 30.0,
) -> Transfer:
    """Tell a charger where to send a log. `GET .../logs` shows when it has come."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    now_us = services.clock.now_us()
    await files.forget_expired(services.engine, now_us)
    if await files.waiting(services.engine, record.id, now_us) >= (
        services.files.uploads_waiting_max
    ):
        raise Problem(409, "uploads", f"charger {charger!r} has uploads enough to send first")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    wanted = LogWanted(
        _url(services, secret, ""),
        secrets.randbelow(REQUEST_MAX) + 1,
        body.kind,
        _micros(body.oldest),
        _micros(body.latest),
        body.retries,
        body.retry_s,
    )
    made = payloads.log_call(await _version(services, record.id, record.subprotocol), wanted)
    file = FileRecord(
        id=FileStore.new_id(),
        tenant=record.tenant,
        kind=files.UPLOAD,
        name="",
        charger=record.id,
        purpose=body.kind,
        created_by=principal.name or principal.id,
        request=wanted.request,
        created_us=now_us,
    )
    until_us = now_us + services.files.upload_s * 1_000_000
    await files.add(
        services.engine, file, Link(digest_of(secret), file.id, record.id, PUT, until_us)
    )
    try:
        return await _send(request, response, charger, made, wait, file)
    except Problem:  # it was not told
        await files.remove(services.engine, file.id)
        raise


@router.get("/logs", responses=problems(404, 422), summary="Logs of a charger")
async def logs(
    request: Request,
    charger: str,
    principal: Caller,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    cursor: Annotated[str, Query(max_length=64)] = "",
) -> FilePage:
    """Return the logs that a charger was asked for, the newest first."""
    record = await services_of(request).charger(charger)
    check_charger(principal, record)
    return await page_of(request, limit, cursor, tenant=None, kind=files.UPLOAD, charger=record.id)


@router.get(
    "/logs/{file}",
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The log."},
        **problems(404),
    },
    response_class=Response,
    summary="One log, as the charger sent it",
)
async def log(request: Request, charger: str, file: str, principal: Caller) -> Response:
    """Return a log. It is whatever the charger sent: it is never opened here."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record, "file", file)
    found = await files.get(services.engine, file)
    if found.charger != record.id or found.kind != files.UPLOAD:
        raise NotFound("file", file)
    path = await asyncio.to_thread(services.file_store.path, found.content)
    return FileResponse(path, media_type="application/octet-stream", filename=found.name or file)


async def _send(
    request: Request,
    response: Response,
    charger: str,
    made: payloads.Call,
    wait: float,
    file: FileRecord,
) -> Transfer:
    answer = await send_call(request, charger, Call(made.action, made.payload), wait)
    response.status_code = answer.status
    response.headers["Location"] = f"{COMMANDS}/{answer.id}"
    return Transfer(**answer.view, file=view(file))


async def _version(services: Services, charger: str, said: str) -> str:
    """Return the version of the charger's connection, else of its last one."""
    presence = await services.backplane.presence([charger])
    connection = presence.chargers.get(charger)
    return str(connection["subprotocol"]) if connection else said


def _url(services: Services, secret: str, name: str) -> str:
    base = (services.files.public_url or services.api_url).rstrip("/")
    return f"{base}{TRANSFERS}{secret}/{quote(name, safe='')}"


def _micros(at: datetime | None) -> int:
    return round(at.timestamp() * 1_000_000) if at else 0


# What chargers ask for. No answer says whether an address ever was one.


async def _fetch(request: Request) -> Response:
    """A charger fetches its firmware, whole or by ranges."""
    services = services_of(request)
    secret = request.path_params["secret"]
    found = await files.by_secret(services.engine, secret, GET, services.clock.now_us())
    path = await asyncio.to_thread(services.file_store.path, found.content)
    return FileResponse(path, media_type="application/octet-stream")


async def _receive(request: Request) -> Response:
    """A charger sends a log, as the body of a PUT or POST."""
    services = services_of(request)
    secret = request.path_params["secret"]
    now_us = services.clock.now_us()
    await files.by_secret(services.engine, secret, PUT, now_us)  # before a byte is read
    content = FileStore.new_id()
    size, sha256 = await take(request, content, services.files.upload_bytes_max)
    # The address is used up by the first that is whole: a second upload replaces nothing.
    taken = await files.received(
        services.engine,
        secret,
        content=content,
        name=_clean(request.path_params["name"]),
        size=size,
        sha256=sha256,
        now_us=now_us,
    )
    if not taken:
        await asyncio.to_thread(services.file_store.remove, content)
        raise NotFound("file", "at this address")
    return Response(status_code=201)


def _clean(name: str) -> str:
    """Return what is shown of a name that a charger said."""
    last = name.rstrip("/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:NAME_LENGTH_MAX]


def routes() -> list[Route]:
    """Return the routes of chargers; they are not part of the described interface."""
    return [
        Route(TRANSFER, _fetch, methods=["GET"]),
        Route(TRANSFER, _receive, methods=["PUT", "POST"]),
    ]
