"""What operators let happen to many chargers, and what they are told of."""

from sqlalchemy import Column, Float, Index, Table

from storage.relational.tables.base import flag, key, metadata, text, whole

jobs = Table(
    "jobs",
    metadata,
    key("id"),
    text("tenant"),
    text("name"),
    text("action"),
    text("payload"),  # JSON
    text("filter"),  # JSON: which chargers were asked for
    whole("priority"),
    text("issued_by"),
    text("state"),  # running, paused, cancelled, aborted, finished
    text("reason"),
    whole("canary"),  # so many first; 0: none
    flag("canary_passed"),
    text("canary_then"),  # continue or pause
    Column("rate_per_s", Float, nullable=False, server_default="0"),
    whole("in_flight_max"),
    whole("abort_failures"),  # 0: no such rule
    Column("abort_pct", Float, nullable=False, server_default="0"),
    Column("deadline_s", Float, nullable=False, server_default="0"),
    whole("chargers"),
    whole("created_us", index=True),
    whole("finished_us"),
    Index("ix_jobs_state", "state"),
)

job_items = Table(
    "job_items",
    metadata,
    key("job"),
    key("charger"),
    whole("position"),
    text("state"),  # waiting, sending, done
    text("outcome"),
    text("command"),
    whole("deadline_us"),
    whole("sent_us"),
    whole("finished_us"),
    text("response"),  # JSON
    text("error"),
    Index("ix_job_items_job_position", "job", "position"),
    Index("ix_job_items_job_state", "job", "state"),
)
"""A command's id is written here before it is sent: who dies then looks for it in the journals."""

charger_tags = Table("charger_tags", metadata, key("charger"), key("tag"), whole("created_us"))
"""Words that operators give to chargers, to find them by."""

alert_rules = Table(
    "alert_rules",
    metadata,
    key("id"),
    text("tenant"),
    text("name"),
    text("kind"),
    text("params"),  # JSON
    text("site"),  # empty: all of the tenant
    text("severity"),  # info, warning, critical
    flag("enabled"),
    whole("hold_s"),  # so long must it last
    text("channels"),  # JSON list of ids
    whole("escalate_s"),  # not acknowledged for so long; 0: never
    text("escalate_channels"),  # JSON list
    whole("created_us"),
)

alerts = Table(
    "alerts",
    metadata,
    key("id"),
    text("rule"),
    text("tenant"),
    text("subject"),  # charger, charger/connector, or a part of the node
    text("charger"),
    text("site"),
    text("severity"),
    text("state"),  # open, acknowledged, resolved
    text("detail"),
    whole("opened_us", index=True),
    whole("since_us"),
    whole("notified_us"),
    whole("escalated_us"),
    whole("acknowledged_us"),
    text("acknowledged_by"),
    whole("resolved_us"),
    flag("silenced"),
    Index("ix_alerts_state", "state"),
)

alert_silences = Table(
    "alert_silences",
    metadata,
    key("id"),
    text("tenant"),
    text("rule"),  # empty: any
    text("charger"),
    text("site"),
    text("reason"),
    text("issued_by"),
    whole("until_us"),
    whole("created_us"),
)

alert_channels = Table(
    "alert_channels",
    metadata,
    key("id"),
    text("tenant"),
    text("name"),
    text("kind"),  # email or webhook
    text("target"),  # address or URL
    text("secret"),  # of a webhook's signature
    flag("enabled"),
    whole("created_us"),
)

deliveries = Table(
    "deliveries",
    metadata,
    key("id"),
    text("tenant"),
    text("channel"),
    text("alert"),
    text("event"),  # opened, escalated, resolved, test
    text("body"),  # JSON, as it is sent
    text("state"),  # pending, delivered, failed
    whole("attempts"),
    whole("next_us"),
    whole("last_status"),
    text("last_error"),
    whole("created_us", index=True),
    whole("delivered_us"),
    Index("ix_deliveries_state_next_us", "state", "next_us"),
)
"""Written together with the alert that it tells of; sent until it is taken or given up."""

outage_exclusions = Table(
    "outage_exclusions",
    metadata,
    key("id"),
    text("tenant"),
    text("charger"),
    whole("connector"),  # 0: all of the charger
    whole("from_us"),
    whole("to_us"),
    text("reason"),
    text("issued_by"),
    whole("created_us"),
    whole("removed_us"),  # 0: it holds
    whole("revision", index=True),
    Index("ix_outage_exclusions_charger", "charger"),
)
