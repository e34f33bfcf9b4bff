"""Why a connection is not let in, from csms.gateway.refusals."""

from csms.gateway.refusals import REFUSALS
from docs.pages.tables import table

HEAD = """\
# Refused connections

Made from `REFUSALS` in `csms/gateway/refusals.py` by `python -m docs.generate`; edit that.

Each refusal is kept with its reason and counted in `csms_refusals_total`. An unknown charger and a
wrong password are told the same, at the same moment after the request (`gateway.refusal_delay_ms`),
so that nobody finds out identities by asking. From 1000 on a status is a WebSocket close code.
"""


def page() -> str:
    """Return the page as Markdown."""
    rows = (
        (f"`{reason}`", str(refusal.status), refusal.body.strip(), refusal.text)
        for reason, refusal in REFUSALS.items()
    )
    head = ("reason", "status", "the charger is told", "what it means")
    return "\n".join([HEAD, *table(head, rows), ""])
