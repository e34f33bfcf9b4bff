"""Files for chargers and from them, and the addresses at which chargers get and put them."""

from sqlalchemy import Index, Table

from storage.relational.tables.base import key, metadata, text, whole

files = Table(
    "files",
    metadata,
    key("id"),  # random
    text("tenant"),
    text("kind"),  # firmware, or upload
    text("content"),  # name on disk; empty: nothing has come yet
    text("name"),  # as it was said; shown, never a path
    text("charger"),  # of an upload; empty: for any charger
    text("purpose"),  # of an upload: diagnostics, DiagnosticsLog, SecurityLog ...
    text("sha256"),
    text("created_by"),
    whole("size"),
    whole("request"),  # number of the request of 2.x and of the security extension
    whole("created_us"),
    whole("received_us"),  # 0: nothing has come yet
    Index("ix_files_tenant_created_us", "tenant", "created_us"),
    Index("ix_files_charger_created_us", "charger", "created_us"),
)

file_links = Table(
    "file_links",
    metadata,
    key("digest"),  # SHA-256 of the secret in the address
    text("file", index=True),
    text("charger"),
    text("way"),  # get or put
    whole("expires_us"),
)
