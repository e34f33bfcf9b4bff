"""Which OCPP messages are understood and sent, from the tables of `protocol.versions`."""

from docs.pages.tables import table
from protocol.version import Follow, Inbound, Outbound, Version
from protocol.versions import VERSIONS

HEAD = """\
# OCPP coverage

Made from the tables in `protocol/` by `python -m docs.generate`; edit those.

Chapters that begin with "security" are those of the whitepaper "Improved security for OCPP 1.6-J",
the others those of the specification. Every message is validated against the official JSON schema;
violations become flags, and a CALLERROR only for chargers that are marked strict.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *(_version(version) for version in VERSIONS.values())])


def _version(version: Version) -> str:
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
            *table(("message", "chapter", "secrets in the log"), map(_inbound_row, inbound)),
            "",
            "### To chargers",
            "",
            "Sent one at a time, in the order of their priority. *Yes*: the statuses that mean",
            "accepted. *Ends with*: the report that completes what the answer promised.",
            "",
            *table(
                ("message", "chapter", "priority", "idempotent", "yes", "ends with", "secrets"),
                map(_outbound_row, outbound),
            ),
            "",
        ]
    )


def _inbound_row(row: Inbound) -> tuple[str, ...]:
    return row.action, row.section, "hidden" if row.secret_request else ""


def _outbound_row(row: Outbound) -> tuple[str, ...]:
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
        ", ".join(secrets),
    )
