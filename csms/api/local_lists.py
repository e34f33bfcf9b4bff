"""`/api/v1/chargers/{id}/local-list`: who may charge while nobody can be asked."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from csms.api.auth import Caller, Principal, require
from csms.api.calls import issuer
from csms.api.device import Device
from csms.api.local_list_sync import Verdict, known_of, synchronise, told_version, words_of
from csms.api.models import Input
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger
from domain.access import Permission
from domain.errors import InvalidInput
from domain.records import ChargerRecord, TokenRecord
from protocol.local_lists import ListEntry, content_hash, contents
from protocol.versions import VERSIONS
from storage.relational import local_lists
from storage.relational.local_lists import ListState
from storage.relational.record_rules import PAGE_MAX

router = APIRouter(prefix="/api/v1/chargers/{charger}/local-list", tags=["local list"])

TOKENS_MAX = 20_000
"""On one list."""


class TokenFilter(Input):
    """Which tokens of the tenant are on the list. Nothing said: all."""

    ids: tuple[str, ...] = Field(default=(), max_length=TOKENS_MAX, description="Only these.")
    parent: str = Field(default="", max_length=36, description="Only of this group.")
    status: Literal["", "Accepted", "Blocked"] = ""


class WantedList(Input):
    """The list that the charger is to have."""

    filter: TokenFilter = TokenFilter()
    full: bool = Field(default=False, description="Send everything, whatever is known.")


class ListOutcome(BaseModel):
    """How it ended."""

    verdict: Verdict = Field(
        description="in_step: the charger tells the version that was sent. refused: it said no. "
        "unknown: an answer was lost, or it tells another version; the next one is full."
    )
    detail: str
    update: str = Field(description="none, Differential or Full.")
    version: int
    entries: int
    left_out: int = Field(description="Tokens that its version of OCPP cannot write.")
    commands: list[str]


class ListView(BaseModel):
    """What is known of a charger's list."""

    version: int = Field(description="That we know it to have; 0: not known.")
    version_at_charger: int | None = Field(description="null: it was not asked.")
    in_step: bool | None = Field(
        description="Whether it has what is wanted now; null: it was not asked, or is not known."
    )
    changes: int = Field(description="Entries that differ between what is wanted and what we sent.")
    entries: int
    content_hash: str
    filter: TokenFilter
    sent_by: str
    sent_us: int


@router.get("", responses=problems(404, 409, 422), summary="What is known of the list")
async def get_list(
    request: Request,
    charger: str,
    principal: Caller,
    *,
    ask: Annotated[bool, Query(description="Ask the charger for its version.")] = False,
) -> ListView:
    """Return the version that was sent, that at the charger, and whether they are in step."""
    services, record = await _own(request, charger, principal)
    state = await local_lists.get(services.engine, record.id) or ListState(record.id)
    at = None
    subprotocol = state.subprotocol
    if ask:
        require(principal, Permission.calls_send)
        device = await Device.of(services, principal, record)
        words_of(device)
        at = await told_version(device)
        subprotocol = device.version.subprotocol
    chosen = msgspec.json.decode(state.filter)
    token_filter = TokenFilter.model_validate(chosen)
    known = known_of(state, subprotocol)
    version = VERSIONS.get(subprotocol)
    changes = 0
    if version is not None and version.list_words is not None:
        wanted = contents(version.list_words, await _wanted(services, record, token_filter))
        changes = sum(
            wanted.get(key) != known.entries.get(key) for key in wanted.keys() | known.entries
        )
    return ListView(
        version=state.version,
        version_at_charger=at,
        in_step=None if at is None else bool(at == known.version and changes == 0),
        changes=changes,
        entries=len(known.entries),
        content_hash=state.content_hash or content_hash({}),
        filter=token_filter,
        sent_by=state.sent_by,
        sent_us=state.sent_us,
    )


@router.put(
    "",
    responses=problems(404, 409, 422) | {202: {"description": "It may have been taken."}},
    summary="Bring the list to the charger",
)
async def put_list(
    request: Request, response: Response, charger: str, body: WantedList, principal: Caller
) -> ListOutcome:
    """Send what changed since the version that the charger has, or everything; prove the version.

    Messages stay within the limits that the charger has reported. 409 `busy`: another update of
    this charger is on its way.
    """
    services, record = await _own(request, charger, principal)
    wanted = await _wanted(services, record, body.filter)
    missing = {each.casefold() for each in body.filter.ids} - {
        each.token.casefold() for each in wanted
    }
    if missing:
        raise InvalidInput("filter.ids", f"{min(missing)!r} is no token that the filter chooses")
    if record.id in services.lists_on_their_way:
        raise Problem(409, "busy", "another update of this list is on its way")
    services.lists_on_their_way.add(record.id)
    try:
        device = await Device.of(services, principal, record)
        state = await local_lists.get(services.engine, record.id)
        new = ListState(record.id, filter=body.filter.model_dump_json(), sent_by=issuer(principal))
        ended = await synchronise(
            device,
            wanted,
            state=state,
            new=new,
            full=body.full,
            now_us=services.clock.now_us(),
        )
    finally:
        services.lists_on_their_way.discard(record.id)
    if ended.verdict is Verdict.UNKNOWN:
        response.status_code = 202
    return ListOutcome.model_validate(ended._asdict() | {"commands": list(ended.commands)})


async def _own(
    request: Request, charger: str, principal: Principal
) -> tuple[Services, ChargerRecord]:
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    return services, record


async def _wanted(
    services: Services, record: ChargerRecord, chosen: TokenFilter
) -> list[ListEntry]:
    """Return the tokens of the charger's tenant that a filter chooses, in the order of ids."""
    ids = {each.casefold() for each in chosen.ids}
    found: list[TokenRecord] = []
    after = ""
    while True:
        page = await services.registry.list_tokens(
            tenant=record.tenant, after=after, limit=PAGE_MAX
        )
        found += [
            each
            for each in page
            if (not ids or each.id.casefold() in ids)
            and chosen.parent.casefold() in {"", each.parent.casefold()}
            and chosen.status in {"", each.status}
        ]
        if len(found) > TOKENS_MAX:
            raise InvalidInput("filter", f"chooses more than {TOKENS_MAX} tokens")
        if len(page) < PAGE_MAX:
            break
        after = page[-1].id
    return [
        ListEntry(each.id, each.kind, each.status, each.expires_us, each.parent) for each in found
    ]
