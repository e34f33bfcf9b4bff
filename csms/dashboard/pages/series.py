"""Meter values for the charts, as REST has them."""

from starlette.responses import JSONResponse, Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View


async def series(view: View) -> Response:
    """Return the answer of `/api/v1/series` to the same query."""
    answer = await view.api.ask("GET", "/api/v1/series", query=dict(view.request.query_params))
    return JSONResponse(answer.body, answer.status)


PAGES = (Page("/series", series),)
