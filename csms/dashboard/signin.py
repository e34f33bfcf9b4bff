"""Signing in: by name and password, with an API key, or by a link that works once.

The browser keeps a session and never a key; all of it is done by REST (`csms.api.session`).
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from csms.api.session_oidc import drop_attempt
from csms.api.sessions import drop_cookie
from csms.dashboard.inner import Answer, InnerApi, Refused
from csms.dashboard.view import BASE, View, form_of, view_of

SESSION = "/api/v1/session"
LINK = f"{BASE}/link/"
SEE_OTHER = 303
UNAUTHORIZED, GONE = 401, 410
NAVIGATION = ("navigate", "document")


async def page(request: Request) -> Response:
    """Show the form."""
    view = view_of(request)
    return _form(view, following=safe_next(request.query_params.get("next")))


def _form(view: View, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - of the template
    known = {"wrong": "", "login": "", "with_key": False, "following": f"{BASE}/"}
    provider = view.services.oidc
    known["provider"] = provider.settings.label if provider else ""
    return view.render("sign_in.html", status, **known | values)


async def sign_in(request: Request) -> Response:
    """Begin a session."""
    form = await form_of(request)
    following = safe_next(form.get("next", ""))
    login, key = form.get("login", "").strip(), form.get("key", "").strip()
    body = {"key": key} if key else {"login": login, "password": form.get("password", "")}
    answer = await _anonymous(request).ask("POST", SESSION, body=body)
    if answer.is_ok:
        return _entered(answer, following)
    view = view_of(request)
    wrong = view.texts("signin.wrong") if _kind(answer) == "wrong_login" else _detail(answer)
    values = {"wrong": wrong, "login": login, "with_key": bool(key), "following": following}
    return _form(view, answer.status, **values)


def _entered(answer: Answer, following: str) -> Response:
    response = RedirectResponse(following, SEE_OTHER)
    response.headers["set-cookie"] = answer.headers["set-cookie"]
    return response


def _anonymous(request: Request) -> InnerApi:
    """Return REST without a proof of who asks, but the session that will be replaced."""
    headers = [pair for pair in request.scope["headers"] if pair[0] != b"authorization"]
    return InnerApi(request.app, Request({**request.scope, "headers": headers}))


def _kind(answer: Answer) -> str:
    body = answer.body
    return str(body.get("type", "")).rpartition(":")[2] if isinstance(body, dict) else ""


def _detail(answer: Answer) -> str:
    return Refused(answer).detail


async def oidc_start(request: Request) -> Response:
    """Send the browser to the provider."""
    answer = await _anonymous(request).ask("POST", f"{SESSION}/oidc/start")
    if not answer.is_ok:
        return _form(view_of(request), answer.status, wrong=_detail(answer))
    return _entered(answer, answer.body["url"])


async def oidc_callback(request: Request) -> Response:
    """Take what the provider has sent the browser back with."""
    asked = request.query_params
    body = {name: asked.get(name, "") for name in ("code", "state", "iss", "error")}
    answer = await _anonymous(request).ask("POST", f"{SESSION}/oidc", body=body)
    if answer.is_ok:
        response = _entered(answer, f"{BASE}/")
    else:
        response = _form(view_of(request), answer.status, wrong=_detail(answer))
    drop_attempt(response)
    return response


async def sign_out(view: View) -> Response:
    """End the session."""
    await view.api.ask("DELETE", SESSION)
    response = RedirectResponse(f"{BASE}/sign-in", SEE_OTHER)
    drop_cookie(response)
    return response


async def link(request: Request) -> Response:
    """Show what a link is for; one that only signs in does so when a browser follows it.

    Whatever else looks at addresses (previews, prefetching) does not use it up.
    """
    api, secret = _anonymous(request), request.path_params["secret"]
    seen = await api.ask("POST", f"{SESSION}/link/look", body={"secret": secret})
    view = view_of(request)
    if not seen.is_ok:
        return _void(view, seen)
    if seen.body["purpose"] == "sign_in" and _is_followed(request):
        answer = await api.ask("POST", f"{SESSION}/link", body={"secret": secret})
        if answer.is_ok:
            return _entered(answer, f"{BASE}/")
    return _link_form(view, seen.body, secret)


def _is_followed(request: Request) -> bool:
    headers = request.headers
    fetched = tuple(headers.get(f"sec-fetch-{name}", "") for name in ("mode", "dest"))
    is_ours = headers.get("sec-fetch-site", "") in {"none", "same-origin"}
    return is_ours and fetched == NAVIGATION and "sec-purpose" not in headers


def _link_form(view: View, seen: dict[str, Any], secret: str, **values: Any) -> Response:  # noqa: ANN401 - of the template
    known = {"wrong": "", "name": seen["name"], "login": seen["login"], "status": 200}
    known |= values
    status = known.pop("status")
    least = view.services.sign_in.password_chars_min
    return view.render("link.html", status, link=seen, secret=secret, least=least, **known)


def _void(view: View, answer: Answer) -> Response:
    if answer.status == UNAUTHORIZED:
        return view.render("link_void.html", GONE)
    return view.problem(answer.status, _detail(answer))


async def use_link(request: Request) -> Response:
    """Use a link up."""
    form = await form_of(request)
    api, secret, view = _anonymous(request), request.path_params["secret"], view_of(request)
    login, name = form.get("login", "").strip(), form.get("name", "").strip()
    password = form.get("password", "")
    body = {"secret": secret, "login": login, "name": name, "password": password}
    if password == form.get("again", password):
        answer = await api.ask("POST", f"{SESSION}/link", body=body)
        if answer.is_ok:
            return _entered(answer, f"{BASE}/")
        wrong, status = _detail(answer), answer.status
    else:
        wrong, status = view.texts("link.differ"), 422
    seen = await api.ask("POST", f"{SESSION}/link/look", body={"secret": secret})
    if not seen.is_ok:
        return _void(view, seen)
    values = {"login": login} if not seen.body["login"] else {}
    return _link_form(view, seen.body, secret, wrong=wrong, status=status, name=name, **values)


def safe_next(path: str | None) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    if path and path.startswith(f"{BASE}/") and "\\" not in path and "\n" not in path:
        return path
    return f"{BASE}/"
