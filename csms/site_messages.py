"""Messages to the actor of a site, from a process that is no gateway."""

from collections.abc import Iterable

import msgspec

from supervisor.link_frames import Body
from supervisor.links import LinkClient


def tell_site(gateways: Iterable[LinkClient], site: str, message: msgspec.Struct) -> None:
    """Tell a site's actor; each gateway hears it, the owner takes it."""
    body: Body = {
        "site": site,
        "gateway": "",
        "kind": type(message).__name__,
        "blob": msgspec.msgpack.encode(message),
    }
    for link in gateways:
        if link.is_up:
            link.tell("site", body)
