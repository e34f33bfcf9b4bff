"""Thespian listens on the loopback interface only.

Every process of a `multiprocTCPBase` system, the caller's included, binds its port on all
interfaces, whatever `THESPIAN_BASE_IPADDR` says, and finds "its" address by asking the routing
table. After `bind_to_loopback()` both the address it binds and the one it tells others are
127.0.0.1. A forked process inherits the patch.
"""

from thespian.system.transport.IPBase import IPActorAddress

LOOPBACK = "127.0.0.1"


def bind_to_loopback() -> None:
    """Patch Thespian's addresses, once for the life of the process; again does nothing.

    Must be called before the first `ActorSystem(...)`: addresses made earlier stay public.
    """
    original = IPActorAddress.__init__
    if getattr(original, "on_loopback", False):
        return

    def on_loopback(
        self: IPActorAddress,
        af: int,
        socktype: int,
        proto: int,
        _address: object,
        port: int,
        external: object = False,  # noqa: FBT002 - Thespian's signature
    ) -> None:
        original(self, af, socktype, proto, LOOPBACK, port, external)
        # An address that others may use is bound to "" by the original.
        self.bindname = (LOOPBACK, self.bindname[1])

    on_loopback.on_loopback = True  # type: ignore[attr-defined]
    IPActorAddress.__init__ = on_loopback
