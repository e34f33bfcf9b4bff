"""Sites, and how power goes through one."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, CHANGED, View, form_of

ITEMS = 1_000
SEE_OTHER = 303
INVALID = 422
EMPTY: dict[str, Any] = {
    "id": "",
    "name": "",
    "address": "",
    "time_zone": "",
    "power_w_max": "",
    "latitude": None,
    "longitude": None,
}


async def listed(view: View) -> Response:
    """Show all sites with what they draw."""
    page = await view.api.get("/api/v1/sites", cursor=view.asked("cursor"), limit=100)
    power = await view.api.look("/api/v1/power")
    drawn: dict[str, float] = {}
    for item in (power or {}).get("items", ()):
        drawn[item["site"]] = drawn.get(item["site"], 0.0) + item["power_w"]
    return view.render("sites.html", page=page, drawn=drawn)


async def shown(view: View) -> Response:
    """Show one site: its chargers, its circuits as a tree with their load, its limits."""
    name = view.request.path_params["site"]
    api = view.api
    site = await api.get("/api/v1" + path_of("sites", name))
    of_site = "/api/v1" + path_of("sites", name)
    found = await view.gather(
        {
            "chargers": view.wants("chargers")
            and api.get("/api/v1/chargers", site=name, limit=ITEMS),
            "power": view.wants("now", "tree", "chargers") and api.look("/api/v1/power", site=name),
            "model": view.wants("tree") and api.look(f"{of_site}/model"),
            "limits": view.wants("tree") and api.look(f"{of_site}/limits"),
            "capacity": view.wants() and api.look(f"{of_site}/capacity"),
        }
    )
    power, model, limits = found["power"], found["model"], found["limits"]
    drawn: dict[tuple[str, int], float] = {}
    by_charger: dict[str, float] = {}
    for item in (power or {}).get("items", ()):
        drawn[item["charger"], item["connector"]] = item["power_w"]
        by_charger[item["charger"]] = by_charger.get(item["charger"], 0.0) + item["power_w"]
    return view.render(
        "site.html",
        site=site,
        chargers=(found["chargers"] or {}).get("items", []),
        by_charger=by_charger,
        power_w=None if power is None else power["power_w"],
        tree=circuit_tree(model, limits or {}, drawn) if model else None,
        capacity=found["capacity"] or [],
        overloaded=(limits or {}).get("overloaded") or [],
    )


async def new(view: View) -> Response:
    """Show the form for a site to add."""
    return _form(view, {}, is_new=True)


async def settings(view: View) -> Response:
    """Show what is kept of a site."""
    path = "/api/v1" + path_of("sites", view.request.path_params["site"])
    site, tag = await view.api.read(path)
    return _form(view, site, tag=tag)


def _form(
    view: View,
    values: dict[str, Any],
    status: int = 200,
    wrong: str = "",
    *,
    tag: str = "",
    is_new: bool = False,
) -> Response:
    return view.render(
        "site_settings.html",
        status,
        site=EMPTY | values,
        wrong=wrong,
        tag=tag,
        is_new=is_new,
    )


async def put(view: View) -> Response:
    """Add a site or change one."""
    form = await form_of(view.request)
    known = view.request.path_params.get("site")
    name = known or form.get("id", "").strip()
    texts = {field: form.get(field, "").strip() for field in EMPTY}
    body: dict[str, object] = {f: texts[f] for f in ("name", "address", "time_zone")}
    body |= {field: _number(texts[field]) for field in ("latitude", "longitude")}
    body["power_w_max"] = _number(texts["power_w_max"]) or 0
    tag = form.get("tag", "")
    path = "/api/v1" + path_of("sites", name)
    try:
        if known is None:
            await view.api.send("PUT", path, body, if_none_match="*")
        else:
            await view.api.send("PUT", path, body, if_match=tag)
    except Refused as refused:
        return await _not_put(view, refused, texts | {"id": name}, tag, is_new=known is None)
    return RedirectResponse(BASE + path_of("sites", name), SEE_OTHER)


async def _not_put(
    view: View, refused: Refused, texts: dict[str, Any], tag: str, *, is_new: bool
) -> Response:
    if refused.status != CHANGED:
        return _form(view, texts, refused.status, refused.detail, tag=tag, is_new=is_new)
    name = texts["id"]
    if is_new:
        return _form(view, texts, INVALID, view.texts("site.exists", id=name), is_new=True)
    site, tag = await view.api.read("/api/v1" + path_of("sites", name))
    return _form(view, site, CHANGED, view.why(refused), tag=tag)


def _number(text: str) -> object:
    """Return the number, or the text itself for REST to say what is wrong with it."""
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def circuit_tree(
    model: dict[str, Any], limits: dict[str, Any], drawn: dict[tuple[str, int], float]
) -> dict[str, Any] | None:
    """Return the root circuit with its `circuits`, `places` and the power of all below it.

    Args:
        model: a domain.site.Site as JSON.
        limits: the answer of `/limits`.
        drawn: watts by charger and connector.
    """
    shares = {row["place"]: row for row in limits.get("evses", ())}
    headroom = limits.get("headroom_a", {})
    nodes: dict[str, dict[str, Any]] = {
        circuit["id"]: {
            "id": circuit["id"],
            "kind": circuit.get("kind", "circuit"),
            "limit_a": circuit.get("limit_a"),
            "limit_w": circuit.get("limit_w"),
            "headroom_a": headroom.get(circuit["id"]),
            "power_w": 0.0,
            "circuits": [],
            "places": [],
        }
        for circuit in model["circuits"]
    }
    parents = {circuit["id"]: circuit.get("parent", "") for circuit in model["circuits"]}
    root = None
    for name, parent in parents.items():
        if parent in nodes:
            nodes[parent]["circuits"].append(nodes[name])
        else:
            root = nodes[name]
    for place in model.get("places", ()):
        watts = drawn.get((place["charger"], place["evse"]))
        share = (shares.get(place["id"]) or {}).get("share")
        row = {"id": place["id"], "charger": place["charger"], "power_w": watts, "share": share}
        nodes[place["circuit"]]["places"].append(row)
        above = place["circuit"]
        while above in nodes:
            nodes[above]["power_w"] += watts or 0.0
            above = parents[above]
    return root


PAGES = (
    Page("/sites", listed),
    Page("/new-site", new),
    Page("/new-site", put, ("POST",)),
    Page("/sites/{site}", shown),
    Page("/sites/{site}/settings", settings),
    Page("/sites/{site}/settings", put, ("POST",)),
)
