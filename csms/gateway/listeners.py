"""The listeners of a gateway: one a kind of transport, each with the security profiles it serves.

A charger that comes with another profile than its record says is refused (OCPP 2.1 A00.FR.001 and
002), so a listener is also a promise: nobody gets in over it with less than it asks for.
"""

from typing import NamedTuple


class Listener(NamedTuple):
    """One kind of transport.

    `socket` is the name of the listening socket that main opens and all gateways share.
    """

    socket: str
    scheme: str
    profiles: tuple[int, ...]
    encrypted: bool = False
    certificates: bool = False
    """True: the charger must show a certificate."""


PLAIN = Listener("chargers", "ws", (0, 1))
TLS = Listener("chargers-tls", "wss", (2,), encrypted=True)
MUTUAL_TLS = Listener("chargers-mtls", "wss", (3,), encrypted=True, certificates=True)

LISTENERS = (PLAIN, TLS, MUTUAL_TLS)
