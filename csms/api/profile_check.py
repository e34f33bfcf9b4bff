"""Charging profiles in calls, checked against what their charger has reported."""

from collections.abc import Mapping
from typing import Any

from csms.api.problems import Problem
from csms.api.services import Services
from domain.records import ChargerRecord
from protocol.profile_rules import ProfileLimits, check_profile, read_units
from protocol.version import Version
from storage.relational import reads


async def profile_warnings(
    services: Services,
    record: ChargerRecord,
    version: Version,
    action: str,
    payload: Mapping[str, Any],
    *,
    force: bool,
) -> list[str]:
    """Return which rules the profile in a call breaks.

    Raises:
        Problem: 422 naming fields and rules, it breaks one and is not forced.
        Unavailable: the store is away.
    """
    words = version.profile_words
    if words is None or words.carriers.get(action) not in payload:
        return []

    async def told(place: tuple[str, str]) -> str:
        filters = {"charger": record.id, "variable": place[1]}
        if place[0]:
            filters["component"] = place[0]
        page = await reads.page(services.engine, "variables", filters, limit=1)
        return str(page.items[0]["value"]) if page.items else ""

    limits = ProfileLimits(
        _number(await told(words.stack_level)),
        _number(await told(words.periods)),
        read_units(words, await told(words.units)),
    )
    found = check_profile(words, action, payload, limits, shared=bool(record.site))
    if found and not force:
        listed = "; ".join(f"{each.field} {each.rule}" for each in found)
        errors = [{"field": f"payload.{each.field}", "rule": each.rule} for each in found]
        detail = f"the charging profile breaks rules: {listed}; send it all the same with force"
        raise Problem(422, "profile", detail, errors=errors)
    return [f"{each.field}: {each.rule}" for each in found]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
