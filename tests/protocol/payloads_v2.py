"""A valid payload for every message of OCPP 2.0.1 and 2.1, with every member that it can have.

`payloads/v21.json` has what differs from 2.0.1 only.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "payloads"
T = "2026-03-29T00:30:00Z"


class Payloads(NamedTuple):
    """By action: what chargers send, what we send, what chargers answer to that."""

    inbound: dict[str, dict[str, Any]]
    outbound: dict[str, dict[str, Any]]
    answers: dict[str, dict[str, Any]]


def _load(name: str) -> Payloads:
    return Payloads(**json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


V201 = _load("v201")
V21 = Payloads(*(old | new for old, new in zip(V201, _load("v21"), strict=True)))
PAYLOADS = {"ocpp2.0.1": V201, "ocpp2.1": V21}
