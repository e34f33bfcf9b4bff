"""The device model: what chargers are set to, what their monitors noticed, what is wanted."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Table

from storage.relational.tables.base import flag, key, metadata, text, whole

variables = Table(
    "variables",
    metadata,
    key("id"),  # hash of charger, place and attribute
    text("charger"),
    text("path"),  # component, EVSE, connector, variable and attribute in one, to sort by
    text("component"),  # with /instance when it has one; 1.6: empty
    text("variable"),  # with /instance when it has one; 1.6: the configuration key
    whole("evse"),
    whole("connector"),
    text("attribute"),  # Actual, Target, MinSet or MaxSet
    text("value"),
    text("mutability"),
    flag("persistent"),
    flag("constant"),
    text("unit"),
    text("data_type"),
    Column("limit_min", Float),
    Column("limit_max", Float),
    text("values_list"),
    flag("monitored"),
    text("status"),  # of the last get or set; empty: it was reported
    whole("received_us"),
    Index("ix_variables_charger_path", "charger", "path"),
    Index("ix_variables_variable", "variable"),
)

device_notices = Table(
    "device_notices",
    metadata,
    key("id"),  # hash of charger and place
    text("charger", index=True),
    text("component"),
    text("variable"),
    whole("evse"),
    whole("connector"),
    whole("event"),
    text("trigger"),
    text("kind"),
    text("value"),
    Column("severity", BigInteger, nullable=False, server_default="-1"),
    whole("monitor"),
    Column("cleared", Boolean, nullable=False, server_default="0"),
    text("code"),
    text("text"),
    text("transaction"),
    whole("at_us"),
    text("quality"),
    whole("received_us", index=True),
    whole("order_us"),
)
"""The newest event of each monitored variable; all of them are in ClickHouse."""

notices = Table(
    "notices",
    metadata,
    key("id"),
    text("charger"),
    text("topic"),  # the action, as the specification spells it
    text("key"),
    text("body"),  # JSON
    text("status"),  # what was answered, if it was a question
    whole("request"),
    flag("more"),
    whole("at_us"),
    whole("received_us", index=True),
    Index("ix_notices_charger_received_us", "charger", "received_us"),
)
"""What was said and means nothing more to us, the newest `rows_kept_max`."""

templates = Table(
    "templates",
    metadata,
    key("id"),
    text("tenant"),
    text("name"),
    text("vendor"),  # of the chargers that it is for, as reported at boot; empty: any
    text("model"),
    text("site"),
    text("wanted"),  # JSON list of {component, variable, evse, connector, attribute, value}
    whole("created_us"),
    whole("changed_us"),
)

template_runs = Table(
    "template_runs",
    metadata,
    key("id"),
    text("charger"),
    text("template"),
    text("outcome"),  # applied, nothing_to_do, or stopped
    text("steps"),  # JSON list of what was set, answered and read back
    text("started_by"),
    whole("started_us"),
    whole("received_us"),  # when it ended
    Index("ix_template_runs_charger_received_us", "charger", "received_us"),
)
"""How wanted values were brought to a charger, one verified change at a time."""
