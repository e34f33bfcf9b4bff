"""What every page has: who looks, in which language, and how templates become answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from csms.api.auth import Principal, is_confined
from csms.api.services import Services, services_of
from csms.dashboard import formats
from csms.dashboard.cells import csv_cell
from csms.dashboard.inner import InnerApi, Refused
from csms.dashboard.qr import qr
from csms.dashboard.texts import LANGUAGES, Texts, choose, texts_of
from domain.access import Permission

FOLDER = Path(__file__).parent
BASE = "/ui"
"""Where the pages are."""
LANGUAGE_COOKIE = "csms_language"
THEME_COOKIE = "csms_theme"
FIELDS_MAX = 100
"""Of a form; a body with more is answered with an error."""
CHANGED = 412
THEMES = ("auto", "light", "dark")


class Entry(NamedTuple):
    """A link of the navigation."""

    name: str
    """Key of its text, `nav.<name>`, and of its icon."""
    path: str
    needs: Permission
    """Whoever has it not does not see the link; REST refuses them all the same."""
    whole: bool = False
    """Not for who is limited to one tenant or to some sites."""
    all_sites: bool = False
    """Not for who is limited to some sites."""


NAVIGATION: Sequence[Entry] = (
    Entry("overview", "/", Permission.chargers_read),
    Entry("chargers", "/chargers", Permission.chargers_read),
    Entry("sites", "/sites", Permission.sites_read),
    Entry("map", "/map", Permission.sites_read),
    Entry("transactions", "/transactions", Permission.transactions_read),
    Entry("uptime", "/uptime", Permission.chargers_read),
    Entry("messages", "/messages", Permission.messages_read),
    Entry("inbox", "/inbox", Permission.refusals_read, whole=True),
    Entry("tokens", "/tokens", Permission.tokens_read),
    Entry("commands", "/commands", Permission.commands_read),
    Entry("jobs", "/jobs", Permission.jobs_read),
    Entry("alerts", "/alerts", Permission.alerts_read),
    Entry("users", "/users", Permission.users_manage, all_sites=True),
    Entry("keys", "/keys", Permission.keys_manage, all_sites=True),
    Entry("audit", "/audit", Permission.audit_read, all_sites=True),
    Entry("system", "/system", Permission.system_read),
)


BELOW: Mapping[str, Sequence[str]] = {
    "/chargers": ("/onboard", "/import"),
    "/inbox": ("/refusals",),
    "/map": ("/new-site",),
}
"""Entry of the navigation -> pages that belong to it though their paths do not say so."""


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped, and an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        name: getattr(formats, name) for name in ("clock", "duration", "iso", "pretty")
    }
    made.filters |= {
        name: _in_language(getattr(formats, name))
        for name in ("amperes", "energy", "latency", "percent", "power")
    }
    made.filters["cell"] = csv_cell
    made.filters["part"] = lambda text: quote(str(text), safe="")
    made.globals |= {
        "base": BASE,
        "languages": LANGUAGES,
        "themes": THEMES,
        "query": _query,
        "qr": qr,
    }
    return made


def _in_language(write: Callable[[Any], str]) -> Callable[[Context, Any], str]:
    """Return a filter that writes a number with the decimal mark of the page's language."""

    @pass_context
    def filtered(context: Context, value: Any) -> str:  # noqa: ANN401 - whatever is written
        return write(value).replace(".", context["t"]("number.mark"))

    return filtered


def _query(**values: object) -> str:
    """Return a query string; empty values are left out, `from_` stands for `from`."""
    wanted = {k.rstrip("_"): v for k, v in values.items() if v is not None and v != ""}
    return "?" + urlencode(wanted) if wanted else ""


@dataclass(frozen=True)
class View:
    """One request of a page."""

    request: Request
    api: InnerApi
    texts: Texts
    principal: Principal | None

    @property
    def services(self) -> Services:
        """What the routes work with."""
        return services_of(self.request)

    def asked(self, name: str) -> str:
        """Return a parameter of the query, or empty."""
        return self.request.query_params.get(name, "").strip()

    def wants(self, *parts: str) -> bool:
        """Return whether a whole page is asked for, or one of these parts: the others need no data.

        Args:
            parts: ids of elements.
        """
        target = self.request.headers.get("hx-target", "")
        return not target or target in parts

    async def gather(self, asked: Mapping[str, Awaitable[Any] | Literal[False]]) -> dict[str, Any]:
        """Return what was asked for, all at once; None for what is False."""
        waited = {name: one for name, one in asked.items() if one is not False}
        answers = await asyncio.gather(*waited.values())
        return dict.fromkeys(asked) | dict(zip(waited, answers, strict=True))

    def may(self, permission: str) -> bool:
        """Return whether who looks has a permission, such as `chargers.write`."""
        return self.principal is not None and self.principal.may(Permission(permission))

    def why(self, refused: Refused) -> str:
        """Return what to say of an answer of REST that is no success."""
        return self.texts("say.changed") if refused.status == CHANGED else refused.detail

    def now_us(self) -> int:
        """Return now."""
        return self.services.clock.now_us()

    def render(self, template: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - of templates
        """Return a page. For htmx without what is around it: it takes a part only."""
        request = self.request
        theme = request.cookies.get(THEME_COOKIE, "")
        context = {
            "t": self.texts,
            "principal": self.principal,
            "may": self.may,
            "role": self._rank(),
            "navigation": self._navigation(),
            "here": request.url.path,
            "url": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "layout": "bare.html" if request.headers.get("hx-request") else "layout.html",
            "theme": theme if theme in THEMES else "auto",
            "csrf": csrf_of(request),
            "now_us": self.now_us(),
            "notice": "",
        }
        html = environment().get_template(template).render(context | values)
        return HTMLResponse(html, status)

    def problem(self, status: int, detail: str) -> Response:
        """Return a page that says what is wrong."""
        title = self.texts.known("problem", str(status))
        return self.render("problem.html", status, title=title, detail=detail, code=status)

    def _rank(self) -> int:
        """Return 3 for who changes records, 2 for who sends calls; templates ask `may` instead."""
        return 3 if self.may("chargers.write") else 2 if self.may("calls.send") else 1

    def _navigation(self) -> list[dict[str, Any]]:
        if self.principal is None:
            return []
        path = self.request.url.path.removeprefix(BASE) or "/"
        limited = bool(self.principal.sites)
        confined = is_confined(self.principal) or limited
        return [
            {
                "name": entry.name,
                "href": BASE + entry.path,
                "current": path == entry.path
                or path in BELOW.get(entry.path, ())
                or (entry.path != "/" and path.startswith(entry.path + "/")),
            }
            for entry in NAVIGATION
            if self.principal.may(entry.needs)
            and not (entry.whole and confined)
            and not (entry.all_sites and limited)
        ]


Handler = Callable[[View], Awaitable[Response]]


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form (application/x-www-form-urlencoded); the last one of a name."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=FIELDS_MAX))


def csrf_of(request: Request) -> str:
    """Return the token that writes of this session must carry; empty: it has none."""
    return str(getattr(request.state, "csrf", ""))


def view_of(request: Request) -> View:
    """Return the view of a request; the principal is there when the middleware let it in."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    language = choose(chosen, request.headers.get("accept-language", ""))
    principal = getattr(request.state, "principal", None)
    return View(request, InnerApi(request.app, request), texts_of(language), principal)
