"""`/api/v1/chargers.csv`: many chargers as one file, in and out."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from csms.api.auth import Caller, principal_of
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import tenant_filter
from csms.charger_csv import Wrong, write
from csms.charger_import import ImportLimits, export_records, import_file

router = APIRouter(prefix="/api/v1", tags=["chargers"])

ERRORS_MAX = 1_000
"""Told of one file; whoever has more has one mistake in all lines."""
FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "id,site,security_profile\nBERLIN-001,,1\n",
            }
        },
    }
}


class LineError(BaseModel):
    """One wrong cell."""

    line: int = Field(description="Of the file; the first line is 1.")
    field: str = Field(description="Name of the column; empty: the whole line.")
    rule: str


class MadePassword(BaseModel):
    """A password that was made: shown this one time."""

    id: str
    url: str
    password: str


class ImportView(BaseModel):
    """What an import did, or with `dry_run` would do."""

    dry_run: bool
    added: int
    changed: int
    unchanged: int
    errors: list[LineError] = Field(description="Of a dry run; else they are a 422.")
    passwords: list[MadePassword]
    pending: bool = Field(
        default=False, description="True when the gateways could not confirm it yet."
    )


@router.get(
    "/chargers.csv",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems(422)},
    response_class=Response,
    summary="All chargers as CSV",
)
async def export(
    request: Request, site: Annotated[str, Query(description="Only of this site.")] = ""
) -> Response:
    """Return records and URLs, without passwords. What it writes can be imported again."""
    services = services_of(request)
    tenant = tenant_filter(principal_of(request)) or ""
    records = await export_records(services.registry, tenant, site)
    text = write(
        (record, services.url_of(record.id, record.security_profile)) for record in records
    )
    headers = {"Content-Disposition": 'attachment; filename="chargers.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/chargers.csv",
    responses=problems(413, 422),
    openapi_extra=FILE,
    summary="Add and change many chargers",
)
async def upload(
    request: Request,
    principal: Caller,
    *,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
    generate_passwords: Annotated[
        bool, Query(description="Make passwords for new chargers that have none.")
    ] = False,
) -> ImportView:
    """Import a CSV file: all of its chargers, or none when one line is wrong.

    The first line names columns: id, and any of those that the export has, and password. Chargers
    that exist keep what has no column, and their password when its cell is empty.
    """
    services = services_of(request)
    settings = services.settings
    body = await request.body()
    if not body:
        raise _problem([Wrong(1, "", "the file is empty")])
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _problem([Wrong(line, "", "is not UTF-8")]) from error
    done = await import_file(
        services.registry,
        text,
        principal.tenant,
        ImportLimits(settings.import_rows_max, settings.import_passwords_max),
        is_dry=dry_run,
        makes_passwords=generate_passwords,
    )
    if done.wrong and not dry_run:
        raise _problem(done.wrong)
    pending = not dry_run and not await services.backplane.sync()
    return ImportView(
        dry_run=dry_run,
        added=done.added,
        changed=done.changed,
        unchanged=done.unchanged,
        errors=[LineError(**wrong._asdict()) for wrong in done.wrong[:ERRORS_MAX]],
        passwords=[
            MadePassword(id=name, url=services.url_of(name), password=password)
            for name, password in done.made.items()
        ],
        pending=pending,
    )


def _problem(wrong: Sequence[Wrong]) -> Problem:
    first = wrong[0]
    field = f"{first.field}: " if first.field else ""
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    detail = f"line {first.line}: {field}{first.rule}{more}; nothing was imported"
    errors = [one._asdict() for one in wrong[:ERRORS_MAX]]
    return Problem(422, "invalid_input", detail, errors=errors)
