"""Local authorization lists, as chargers have them."""

from sqlalchemy import Table

from storage.relational.tables.base import key, metadata, text, whole

local_lists = Table(
    "local_lists",
    metadata,
    key("charger"),
    text("subprotocol"),  # with which it was sent: another one writes tokens otherwise
    whole("version"),  # 0: it is not known what the charger has
    text("content_hash"),
    text("entries"),  # JSON of {key: [token, type, digest]}
    text("filter"),  # JSON: which tokens are on the list
    text("sent_by"),
    whole("sent_us"),
)
