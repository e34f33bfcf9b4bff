"""The node itself: its processes, its journals, how far its stores are behind."""

from starlette.responses import Response

from csms.dashboard.metrics import behind, families
from csms.dashboard.pages.page import Page
from csms.dashboard.view import View


async def shown(view: View) -> Response:
    """Show which parts are up, and every metric of each process."""
    ready = await view.api.ask("GET", "/api/v1/ready")
    metrics = await view.api.ask("GET", "/metrics")
    parts = ready.body.get("parts", {}) if isinstance(ready.body, dict) else {}
    known = families(metrics.body) if metrics.is_ok else []
    return view.render("system.html", parts=parts, families=known, behind=behind(known))


PAGES = (Page("/system", shown),)
