"""Settings of the public side: where chargers connect and which unknown ones are let in."""

from collections import Counter
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Network = IPv4Network | IPv6Network

GATEWAYS_MAX = 26
"""A tree has 30 processes at most, and ledger, warehouse, operations and api are four of them."""


def _gateways(count: int) -> int:
    if count > GATEWAYS_MAX:
        raise ValueError(
            f"must be at most {GATEWAYS_MAX}: a node has 30 processes at most, and four of them "
            "are the ledger, the warehouse, the operations and the api"
        )
    return count


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return every network once; one that is not loopback must have been said twice."""
    counts: Counter[Network] = Counter()
    for text in texts:
        try:
            counts[ip_network(text.strip())] += 1
        except ValueError as error:
            raise ValueError(f"must be networks such as 127.0.0.0/8: {error}") from error
    for network, said in counts.items():
        if said < 2 and not network.is_loopback:  # noqa: PLR2004
            raise ValueError(
                f"{network} is not loopback: anyone there could add chargers without a password; "
                "say it twice if that is what you want"
            )
    return tuple(str(network) for network in counts for _ in range(counts[network]))


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"ws", "wss"} or not parts.hostname or parts.query):
        raise ValueError("must be a URL of the scheme ws or wss, without a query")
    return text


class ListenSettings(BaseModel):
    """Where chargers connect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; default: loopback only."
    )
    port: int = Field(default=8887, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    start_s: float = Field(
        default=10.0,
        ge=0,
        description="A start tells its addresses once gateways and REST interface accept what "
        "comes; after so long also when one does not, and which.",
    )
    tls_host: str = Field(
        default="127.0.0.1", description="Address of the TLS listener (security profile 2)."
    )
    tls_port: int | None = Field(
        default=None, ge=0, le=65535, description="Its TCP port; not set: there is none."
    )
    mtls_host: str = Field(
        default="127.0.0.1",
        description="Address of the listener for chargers with certificates (security profile 3).",
    )
    mtls_port: int | None = Field(
        default=None, ge=0, le=65535, description="Its TCP port; not set: there is none."
    )
    public_url: Annotated[str, AfterValidator(_public_url)] = Field(
        default="",
        description="What chargers are to enter before their identity when it differs from host "
        "and port, such as wss://charge.example.com/ocpp: pages and QR codes show it.",
    )
    backlog: int = Field(
        default=4_096,
        ge=1,
        le=65_535,
        description="Connections waiting to be accepted; more are dropped.",
    )
    gateways: Annotated[int, AfterValidator(_gateways)] = Field(
        default=1,
        ge=1,
        description="Gateway processes, 26 at most; each serves up to 20,000 chargers.",
    )
    accept_unknown: Annotated[tuple[str, ...], AfterValidator(_networks)] = Field(
        default=(),
        description="Networks (CIDR) whose unknown chargers are enrolled without a password. "
        "A network other than loopback must be listed twice.",
    )

    @property
    def encrypted(self) -> bool:
        """Whether there is a listener with TLS."""
        return self.tls_port is not None or self.mtls_port is not None
