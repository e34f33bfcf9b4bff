"""The overview as HTML, over a real store and the REST process."""

import re

from storage.relational.tables import alerts
from tests.csms.api.node import Api, running_api


async def tile(api: Api, path: str) -> tuple[str, str, str] | None:
    """Class, number and words of the tile that leads there."""
    status, page = await api.ask("GET", "/ui/")
    assert status == 200, page
    pattern = (
        rf'<a class="([^"]*)" href="{path}"><span>[^<]*</span><b>([^<]*)</b><span[^>]*>([^<]*)'
    )
    found = re.search(pattern, page)
    return found and (found[1], found[2], found[3])


async def test_it_counts_alerts_that_are_not_over_and_those_that_are_critical() -> None:
    async with running_api() as api:
        assert await tile(api, "/ui/alerts") == ("tile", "0", "0 critical")
        states = ("open", "acknowledged", "resolved", "open")
        rows = [
            {"id": f"{number}", "tenant": "default", "state": state, "severity": severity}
            for number, (state, severity) in enumerate(
                zip(states, ("info", "critical") * 2, strict=True)
            )
        ]
        async with api.engine.begin() as connection:
            await connection.execute(alerts.insert(), rows)
        assert await tile(api, "/ui/alerts") == ("tile bad", "3", "2 critical")
