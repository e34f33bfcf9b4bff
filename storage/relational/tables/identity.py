"""Who may come in: users, who is signed in, one-time links; and what was done."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from storage.relational.tables.base import flag, key, metadata, text, whole

users = Table(
    "users",
    metadata,
    key("id"),
    text("tenant"),
    text("login"),  # as it was written
    Column("folded", Text, unique=True),  # casefolded login; null when the user was removed
    text("name"),
    text("role"),
    text("sites"),  # JSON list; empty: all of the tenant
    text("password"),  # argon2id; empty: none
    text("issuer"),  # of the OIDC provider that vouches for the user; empty: none
    text("subject"),
    flag("disabled"),
    whole("created_us"),
    whole("password_us"),  # when it was set
    whole("signed_in_us"),  # 0: never
    whole("revision"),
    flag("deleted"),
    Index("ix_users_tenant", "tenant"),
    Index("ix_users_issuer_subject", "issuer", "subject"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    key("id"),
    text("tenant"),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the cookie
    text("user"),  # empty: of an API key
    text("api_key"),
    whole("created_us"),
    whole("seen_us"),
    whole("expires_us", index=True),  # whatever is done meanwhile
    text("remote"),
    text("user_agent"),
    Index("ix_sign_ins_user", "user"),
)
"""Who is signed in. A session that has ended is deleted."""

sign_in_links = Table(
    "sign_in_links",
    metadata,
    key("id"),
    text("tenant"),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the link's secret
    text("user"),  # empty: the first one, who is not there yet
    whole("created_us"),
    whole("expires_us", index=True),
    text("created_by"),
    text("purpose"),  # first_admin, password or sign_in
    Index("ix_sign_in_links_user", "user"),
)
"""Links that let somebody in once. One that was used is deleted."""

audit = Table(
    "audit",
    metadata,
    key("id"),
    whole("at_us"),
    text("tenant"),
    text("actor_kind"),  # user, key, command_line, nobody
    text("actor"),  # id of the user or key
    text("actor_name"),
    text("remote"),
    text("action"),  # such as chargers.calls
    text("object"),  # such as BERLIN-001
    text("detail"),  # JSON; never a secret
    whole("status"),  # of HTTP; 0: not by HTTP
    text("outcome"),  # done, refused, failed
    text("request"),  # id of the request
    Index("ix_audit_at_us_id", "at_us", "id"),
    Index("ix_audit_tenant_at_us", "tenant", "at_us"),
)
"""Who did what. Triggers refuse UPDATE and DELETE."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    key("caller"),  # id of the user or key
    key("name"),  # what the caller sent
    text("tenant"),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the request
    whole("created_us"),
    whole("expires_us", index=True),
    whole("status"),  # 0: not answered yet
    text("headers"),  # JSON
    Column("body", LargeBinary),
)
"""What requests with an Idempotency-Key were answered."""
