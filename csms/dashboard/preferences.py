"""Language and colours, kept in cookies: they are of the browser, not of the user."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from csms.dashboard.signin import safe_next
from csms.dashboard.texts import LANGUAGES
from csms.dashboard.view import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, form_of

YEAR_S = 365 * 86_400
SEE_OTHER = 303


async def choose(request: Request) -> Response:
    """Set what was sent of `language` and `theme`; go back to where one was."""
    form = await form_of(request)
    response = RedirectResponse(safe_next(form.get("next", "")), SEE_OTHER)
    known = ((LANGUAGE_COOKIE, "language", LANGUAGES), (THEME_COOKIE, "theme", THEMES))
    for cookie, field, values in known:
        value = form.get(field, "")
        if value in values:
            response.set_cookie(
                cookie, value, max_age=YEAR_S, path="/", httponly=True, samesite="lax"
            )
    return response
