"""Whether a request comes from a page of this server: browsers say so themselves."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from csms.api.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_of_here(headers: Headers) -> bool:
    """Return whether a write comes from a page of this server, or from no page at all.

    Fetch Metadata (W3C), section 2.4; browsers send it to https and loopback only, so `Origin`
    (RFC 6454, section 7) counts where it is missing.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def check_origin(headers: Headers) -> None:
    """Raise Problem 403 when a page of another site has sent a request."""
    if not is_of_here(headers):
        raise Problem(403, "origin", "this was sent by a page of another site")
