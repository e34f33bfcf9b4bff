"""What operators write (registry)."""

from sqlalchemy import Column, Float, Index, LargeBinary, Table, Text

from storage.relational.tables.base import flag, key, metadata, text, whole

counters = Table("counters", metadata, key("name"), whole("value"))
"""`revision`: the last number of the change feed. `transaction`: the last number leased."""

tenants = Table(
    "tenants",
    metadata,
    key("id"),
    text("name"),
    whole("created_us"),
    whole("disabled_us"),  # 0: it is not
)

sites = Table(
    "sites",
    metadata,
    key("id"),
    text("tenant"),
    text("name"),
    text("address"),
    text("time_zone"),
    whole("power_w_max"),  # 0: no limit
    Column("latitude", Float),  # degrees, WGS 84; null: not known
    Column("longitude", Float),
    whole("created_us"),
    whole("revision", index=True),
    flag("deleted"),
)

site_models = Table(
    "site_models",
    metadata,
    key("id"),  # of the site
    text("tenant"),
    text("model"),  # JSON of a domain.site.Site; empty: its power is not shared out
    text("schedule"),  # JSON list of domain.site.CapacityLimit
    text("signals"),  # JSON list of domain.site.SiteSignal
    whole("revision", index=True),
    flag("deleted"),
)

chargers = Table(
    "chargers",
    metadata,
    key("id"),
    # Casefold of id, null when deleted: no two living chargers differ by case only.
    Column("folded", Text, unique=True),
    text("tenant"),
    text("site"),
    whole("security_profile"),
    text("credential_kind"),
    Column("credential_salt", LargeBinary),
    Column("credential_digest", LargeBinary),
    text("networks"),  # JSON list of CIDRs
    flag("strict"),
    text("registration"),
    whole("heartbeat_s"),
    text("subprotocol"),
    text("time_zone"),
    whole("reply_delay_ms"),
    whole("pending_profile"),
    text("candidate_kind"),  # a new password that is valid beside the other one
    Column("candidate_salt", LargeBinary),
    Column("candidate_digest", LargeBinary),
    whole("candidate_until_us"),
    text("serial_number"),  # may be the CN of its certificate
    text("treat_as"),  # name of a model of the catalogue; empty: by its boot
    whole("created_us"),
    whole("revision", index=True),
    flag("deleted"),
    Index("ix_chargers_site", "site"),
)

tokens = Table(
    "tokens",
    metadata,
    key("id"),  # casefolded: 1.6 compares idTags without regard to case
    text("shown"),  # as the operator wrote it
    text("tenant"),
    text("status"),
    whole("expires_us"),
    text("parent"),
    whole("max_active"),
    text("kind"),  # 2.x: the type as which it must be shown; empty: any
    whole("revision", index=True),
    flag("deleted"),
)

api_keys = Table(
    "api_keys",
    metadata,
    key("id"),
    text("name"),
    text("tenant"),
    text("role"),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the secret
    whole("created_us"),
    whole("expires_us"),  # 0: never
    whole("revoked_us"),  # 0: valid
    text("sites"),  # JSON list; empty: all of the tenant
    text("created_by"),
    Index("ix_api_keys_tenant", "tenant"),
)
