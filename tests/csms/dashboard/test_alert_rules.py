"""The form of an alert rule as HTML, over a real store and the REST process."""

import re
from html import unescape
from typing import Any

from tests.csms.api.node import Api, running_api

RULE: dict[str, Any] = {"kind": "offline", "name": "Gone", "severity": "info", "hold_s": 60}


async def form_of(api: Api, path: str) -> dict[str, str]:
    status, page = await api.ask("GET", path)
    assert status == 200, page
    fields = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', page))
    chosen = re.findall(r'<select name="(\w+)">.*?<option value="([^"]*)" selected', page)
    ticked = dict.fromkeys(re.findall(r'name="([\w.-]+)" checked', page), "on")
    return {name: unescape(value) for name, value in (fields | dict(chosen) | ticked).items()}


async def send(api: Api, path: str, form: dict[str, str]) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {api.keys['admin']}", "Origin": api.url}
    url = api.url + path
    async with api.session.post(url, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_a_rule_is_changed_on_its_page_unless_somebody_else_was_faster() -> None:
    async with running_api() as api:
        hook = {"kind": "webhook", "target": "https://example.org/hook"}
        for _ in range(2):
            await api.ask("POST", "/api/v1/alert-channels", hook)
        channels = (await api.get("/api/v1/alert-channels"))["items"]
        rule = RULE | {"channels": [one["id"] for one in channels], "params": {"longer_s": 300}}
        status, made = await api.ask("POST", "/api/v1/alert-rules", rule)
        assert status == 201, made
        listed = (await api.ask("GET", "/ui/alerts/settings"))[1]
        path = f"/ui/alerts/settings/rules/{made['id']}"
        assert f'href="{path}"' in listed
        form = await form_of(api, path)
        # Sent as it is shown, nothing changes.
        assert (await send(api, path, form))[0] == 303
        rest = f"/api/v1/alert-rules/{made['id']}"
        assert await api.get(rest) == made
        form |= {"name": "<b>Away", "severity": "critical"}
        del form[f"tell.{channels[0]['id']}"]
        assert (await send(api, path, form))[0] == 303
        changed = await api.get(rest)
        assert changed == made | {
            "name": "<b>Away",
            "severity": "critical",
            "channels": [channels[1]["id"]],
        }
        # The form of before is out of date now.
        status, page = await send(api, path, form | {"name": "Later"})
        assert status == 412
        assert "Somebody else has changed this" in page
        assert "&lt;b&gt;Away" in page
        assert await api.get(rest) == changed
        status, page = await send(api, path, await form_of(api, path) | {"params": "{"})
        assert status == 400
        assert 'role="alert"' in page
