"""The local authorization list (OCPP 1.6 sections 3.5, 5.10 and 5.15)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from csms.simulator.face import ChargerFace, Command, Request, answer
from csms.simulator.outbox import Payload

LOCAL_LIST_MAX = 1_000


@dataclass
class LocalList:
    """The list: status by token, in small letters."""

    version: int = 0
    tokens: dict[str, str] = field(default_factory=dict)


def get_local_list_version(charger: ChargerFace, _request: Request) -> Payload:
    """Tell the version of the list."""
    return {"listVersion": charger.local_list.version}


def send_local_list(charger: ChargerFace, request: Request) -> Payload:
    """Replace or amend the list."""
    local, version = charger.local_list, int(request["listVersion"])
    full = request["updateType"] == "Full"
    if not full and version <= local.version:
        return answer("VersionMismatch")
    tokens = {} if full else dict(local.tokens)
    for row in request.get("localAuthorizationList") or ():
        token, info = str(row["idTag"]).lower(), row.get("idTagInfo")
        if info is None:
            tokens.pop(token, None)
        else:
            tokens[token] = str(info["status"])
    if len(tokens) > LOCAL_LIST_MAX:
        return answer("Failed")
    local.version, local.tokens = version, tokens
    return answer("Accepted")


COMMANDS: Mapping[str, Command] = {
    "GetLocalListVersion": get_local_list_version,
    "SendLocalList": send_local_list,
}
