"""What a gateway must know, in memory, to let a charger in and to authorize a driver.

The ledger sends these: all at the start, changes after. `revision` grows with every change of any
record of an installation, so "everything after revision N" is a complete change feed.
"""

import msgspec


class Credential(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a charger's password is checked. The password itself is never kept."""

    kind: str
    """hmac (generated keys: HMAC-SHA-256 over the password's bytes, keyed with salt) or argon2."""
    salt: bytes
    digest: bytes
    """The HMAC, or argon2's encoded hash as ASCII."""


class ChargerRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything that decides whether a charger is let in, and how it is treated."""

    id: str
    tenant: str = "default"
    site: str = ""
    security_profile: int = 1
    """0: none, only from `networks`. 1: Basic over plain. 2: Basic over TLS. 3: mTLS."""
    credential: Credential | None = None
    networks: tuple[str, ...] = ()
    """CIDRs from which this charger may connect; empty: any, except profile 0 (then none)."""
    strict: bool = False
    """True: schema violations are answered with CALLERROR instead of being flagged only."""
    registration: str = "Accepted"
    """What BootNotification is answered with: Accepted, Pending or Rejected."""
    heartbeat_s: int = 0
    """0: the installation's default."""
    subprotocol: str = ""
    """When set, a charger that offers no subprotocol is taken for this one."""
    time_zone: str = ""
    """IANA name, for chargers that send local time without a zone; empty: UTC."""
    reply_delay_ms: int = 0
    """Hold every answer this long, for models that drop the link when answered too fast."""
    revision: int = 0
    deleted: bool = False
    pending_profile: int = 0
    """A higher profile with which the charger may come too; once it has, it is its profile."""
    candidate: Credential | None = None
    """A new key that is valid beside `credential` while it is not known which one it has."""
    candidate_until_us: int = 0
    serial_number: str = ""
    """What the CN of its certificate may be besides its identity (A00.FR.405)."""
    treat_as: str = ""
    """Name of the model in the catalogue; empty: by what it says at its boot; none: no model."""


class TokenRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A driver's token."""

    id: str
    """Compared without regard to case (1.6: idTag is a CiString20)."""
    tenant: str = "default"
    status: str = "Accepted"
    """Accepted or Blocked."""
    expires_us: int = 0
    """0: never."""
    parent: str = ""
    max_active: int = 1
    """Concurrent transactions; 0: no limit."""
    revision: int = 0
    deleted: bool = False
    kind: str = ""
    """2.x: the type that it must be shown as (ISO14443, eMAID, KeyCode ...); empty: any."""


class ActiveTransaction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One running transaction, for the count of concurrent ones of a token."""

    charger: str
    transaction: int
    token: str
    active: bool = True
    revision: int = 0


class SiteRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A site whose power is shared out. `model` and `schedule` are JSON texts."""

    id: str
    tenant: str = "default"
    model: str = ""
    """A `domain.site.Site`; empty: its power is not shared out."""
    schedule: str = "[]"
    """A list of `domain.site.CapacityLimit`."""
    revision: int = 0
    deleted: bool = False
    signals: str = "[]"
    """A list of `domain.site.SiteSignal`."""


class Changes(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of the change feed. Apply in order; `revision` is where it ends."""

    revision: int
    chargers: tuple[ChargerRecord, ...] = ()
    tokens: tuple[TokenRecord, ...] = ()
    transactions: tuple[ActiveTransaction, ...] = ()
    complete: bool = False
    """True: this is a whole snapshot; forget what was known before."""
    sites: tuple[SiteRecord, ...] = ()
