"""Which OCPP messages are understood and sent, from the tables of `protocol.versions`.

What a message becomes, and who handles it, is found out by reading its example; the examples are
those of the tests, so a message without one cannot be on the page as tested.
"""

from collections.abc import Mapping
from typing import Any

from actors.charger.machine import REPORTS
from csms.simulator.commands import COMMANDS as OBEYED_16
from csms.simulator.v2.commands import COMMANDS as OBEYED_2
from docs.pages.tables import table
from protocol.reading import Reading
from protocol.version import Follow, Inbound, Outbound, Version
from protocol.versions import VERSIONS

Examples = Mapping[str, Mapping[str, Any]]
READING = Reading(1_777_636_800_000_000)
NO_EXAMPLE = "none"

HEAD = """\
# OCPP coverage

Made from the tables in `protocol/` by `python -m docs.generate`; edit those.

Chapters that begin with "security" are those of the whitepaper "Improved security for OCPP 1.6-J",
the others those of the specification; in 2.x they are use cases. Every message is validated against
the official JSON schema; violations become flags, and a CALLERROR only for chargers that are marked
strict.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *(_version(version) for version in VERSIONS.values())])


def _examples(version: Version) -> tuple[Examples, Examples, str, Mapping[str, Any]]:
    """Return the examples from and to chargers, the tests that use them, and who obeys them."""
    # Imported here: the tests are beside the product, and nothing of it may need them to start.
    from tests.protocol import payloads_v2, payloads_v16  # noqa: PLC0415

    if version.subprotocol == "ocpp1.6":
        return payloads_v16.INBOUND, payloads_v16.OUTBOUND, "test_v16_tables.py", OBEYED_16
    both = payloads_v2.PAYLOADS[version.subprotocol]
    return both.inbound, both.outbound, "test_v2_tables.py", OBEYED_2


def _version(version: Version) -> str:
    said, asked, test, obeyed = _examples(version)
    inbound = [version.inbound[action] for action in sorted(version.inbound)]
    outbound = [version.outbound[action] for action in sorted(version.outbound)]
    return "\n".join(
        [
            f"## {version.subprotocol}",
            "",
            f"{len(inbound)} messages from chargers, {len(outbound)} to chargers.",
            "",
            "### From chargers",
            "",
            "*Becomes*: the report that the charger's actor gets, and who handles it there.",
            "*Test*: in `tests/protocol`, with an example of the message.",
            "",
            *table(
                ("message", "chapter", "becomes", "handled by", "test", "secrets in the log"),
                (_inbound_row(row, said, test) for row in inbound),
            ),
            "",
            "### To chargers",
            "",
            "Sent one at a time, in the order of their priority. *Yes*: the statuses that mean",
            "accepted. *Ends with*: the report that completes what the answer promised.",
            "*Obeyed*: a virtual charger (`csms/simulator`) knows what to do.",
            "",
            *table(
                (
                    "message",
                    "chapter",
                    "priority",
                    "idempotent",
                    "yes",
                    "ends with",
                    "test",
                    "obeyed",
                    "secrets",
                ),
                (_outbound_row(row, asked, test, obeyed) for row in outbound),
            ),
            "",
        ]
    )


def _inbound_row(row: Inbound, examples: Examples, test: str) -> tuple[str, ...]:
    example = examples.get(row.action)
    kind = type(row.read(example or {}, READING))
    handler = REPORTS[kind]
    module = handler.__module__.rpartition(".")[2]
    name = handler.__qualname__.partition(".")[0]
    return (
        row.action if row.answered else f"{row.action} (SEND)",
        row.section,
        kind.__name__,
        f"`{module}.{name}`",
        NO_EXAMPLE if example is None else f"`{test}`",
        "hidden" if row.secret_request else "",
    )


def _outbound_row(
    row: Outbound, examples: Examples, test: str, obeyed: Mapping[str, Any]
) -> tuple[str, ...]:
    secrets = [
        name
        for name, hidden in (("request", row.secret_request), ("response", row.secret_response))
        if hidden
    ]
    follow = "the requested message" if row.follow is Follow.REQUESTED_MESSAGE else row.follow
    return (
        row.action,
        row.section,
        row.priority.name.lower(),
        "yes" if row.idempotent else "no",
        ", ".join(sorted(row.yes)) or "any answer",
        follow.replace("_", " "),
        f"`{test}`" if row.action in examples else NO_EXAMPLE,
        "yes" if row.action in obeyed else "",
        ", ".join(secrets),
    )
