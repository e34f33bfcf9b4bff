"""`/api/v1/files`: firmware images, kept here for chargers to fetch."""

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from csms.api.auth import Caller, principal_of
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_tenant, tenant_filter
from domain.errors import InvalidInput
from storage.file_store import FileStore
from storage.relational import files
from storage.relational.files import FileRecord

router = APIRouter(prefix="/api/v1", tags=["files"])

PATH = "/api/v1/files"
NAME_LENGTH_MAX = 255
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class FileView(BaseModel):
    """A file: firmware for chargers, or a log of one."""

    id: str
    kind: str = Field(description="firmware or upload")
    name: str
    charger: str = Field(description="Of an upload.")
    purpose: str = Field(description="Of an upload: which log.")
    sha256: str = Field(description="Hexadecimal; empty: nothing has come yet.")
    size: int = Field(description="Bytes.")
    created_us: int
    created_by: str
    received_us: int = Field(description="0: nothing has come yet.")


class FilePage(BaseModel):
    """The newest first."""

    items: list[FileView]
    next: str = Field(default="", description="Send it as `cursor`; empty: there are no more.")


def view(record: FileRecord) -> FileView:
    """Return what is shown of a file."""
    fields = msgspec.structs.asdict(record)
    return FileView(**{name: fields[name] for name in FileView.model_fields})


async def page_of(request: Request, limit: int, cursor: str, **filters: Any) -> FilePage:  # noqa: ANN401
    """Return a page of files."""
    services = services_of(request)
    if limit > services.settings.page_items_max:
        raise InvalidInput("limit", f"must be at most {services.settings.page_items_max}")
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # noqa: PLR2004
        raise InvalidInput("cursor", "must be `next` of a page before")
    found = await files.page(
        services.engine, before_us=int(cursor or 0), limit=limit + 1, **filters
    )
    more = str(found[limit - 1].created_us) if len(found) > limit else ""
    return FilePage(items=[view(record) for record in found[:limit]], next=more)


async def take(request: Request, file: str, bytes_max: int) -> tuple[int, str]:
    """Write the body of a request into a file; return its size and SHA-256.

    Raises:
        Problem: 413, it is too long; 422, it is empty; 507, there is no room.
    """
    store = services_of(request).file_store
    try:
        with await asyncio.to_thread(store.writer, file, bytes_max) as writer:
            async for data in request.stream():
                await asyncio.to_thread(writer.write, data)
            written = await asyncio.to_thread(writer.finish)
    except InvalidInput as error:
        raise Problem(413, "too_large", str(error)) from error
    except OSError as error:
        raise Problem(507, "no_room", "the file cannot be written") from error
    if not written.size:
        await asyncio.to_thread(store.remove, file)
        raise InvalidInput("body", "must not be empty")
    return written.size, written.sha256


@router.post(
    "/files",
    status_code=201,
    responses=problems(413, 422, 507),
    openapi_extra=BODY,
    summary="Keep a firmware image",
)
async def add(
    request: Request,
    principal: Caller,
    name: Annotated[
        str, Query(min_length=1, max_length=NAME_LENGTH_MAX, description="As chargers see it.")
    ],
) -> FileView:
    """Keep the body as a firmware image. It is never opened; its SHA-256 is told."""
    services = services_of(request)
    if "/" in name or "\\" in name or not name.isprintable():
        raise InvalidInput("name", "must be a file name of printable characters without slashes")
    file = FileStore.new_id()
    size, sha256 = await take(request, file, services.files.firmware_bytes_max)
    now_us = services.clock.now_us()
    record = FileRecord(
        id=file,
        tenant=principal.tenant,
        kind=files.FIRMWARE,
        name=name,
        content=file,
        sha256=sha256,
        size=size,
        created_by=principal.name or principal.id,
        created_us=now_us,
        received_us=now_us,
    )
    await files.add(services.engine, record)
    return view(record)


@router.get("/files", responses=problems(422), summary="Firmware images")
async def page(
    request: Request,
    limit: Annotated[int, Query(ge=1)] = 100,
    cursor: Annotated[str, Query(max_length=64)] = "",
) -> FilePage:
    """Return firmware images, the newest first."""
    tenant = tenant_filter(principal_of(request))
    return await page_of(request, limit, cursor, tenant=tenant, kind=files.FIRMWARE)


@router.delete(
    "/files/{file}", status_code=204, responses=problems(404), summary="Remove a firmware image"
)
async def remove(request: Request, file: str, principal: Caller) -> Response:
    """Remove it; chargers that were told to fetch it will not get it any more."""
    services = services_of(request)
    record = await files.get(services.engine, file)
    check_tenant(principal, record.tenant, "file", file)
    await files.remove(services.engine, file)
    await asyncio.to_thread(services.file_store.remove, record.content)
    return Response(status_code=204)
