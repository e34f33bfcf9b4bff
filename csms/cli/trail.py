"""What the command line has changed is in the audit log, like what was done over REST."""

import getpass
import os
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from domain.ids import DEFAULT_TENANT
from storage.relational.audit import AuditRow


class Did(NamedTuple):
    """What a command has done."""

    action: str
    """As it was typed, without `csms`: charger add."""
    object: str = ""
    """Such as the identity of a charger."""
    detail: Mapping[str, Any] = {}
    """Never a secret."""


def audit_row(did: Did, now_us: int) -> AuditRow:
    """Return the row of the audit log; who did it is the user of the operating system."""
    name = account()
    return AuditRow(
        id=f"{now_us:016x}{secrets.token_hex(6)}",
        at_us=now_us,
        tenant=DEFAULT_TENANT,
        actor_kind="command_line",
        actor=name,
        actor_name=name,
        remote="",
        action=f"csms {did.action}",
        object=did.object,
        detail=msgspec.json.encode(did.detail).decode() if did.detail else "",
        status=0,
        outcome="done",
        request="",
    )


def account() -> str:
    """Return the name of the account that runs this process, or its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
