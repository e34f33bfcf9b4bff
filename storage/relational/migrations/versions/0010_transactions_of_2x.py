"""Transactions, statuses and tokens of OCPP 2.x in the tables of 1.6."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXTS = ("said", "token_kind", "charging_state", "start_trigger", "stop_trigger", "seqs")
WHOLES = ("plug", "remote_start", "missing", "meter_start_us")


def upgrade() -> None:
    """Add the columns; a connector is known by its plug, too."""
    for name in TEXTS:
        text = sa.Column(name, sa.Text(), server_default="", nullable=False)
        op.add_column("transactions", text)
    for name in WHOLES:
        whole = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        op.add_column("transactions", whole)
    for column in (
        sa.Column("seconds_charging", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("offline", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("cost", sa.Float(), nullable=True),
    ):
        op.add_column("transactions", column)
    op.create_index("ix_transactions_charger_said", "transactions", ["charger", "said"])
    op.add_column("tokens", sa.Column("kind", sa.Text(), server_default="", nullable=False))
    _connectors(("charger", "connector", "plug"))


def downgrade() -> None:
    """Remove them; of several plugs of an EVSE one stays."""
    op.execute("DELETE FROM connectors WHERE plug > 1")
    _connectors(("charger", "connector"))
    with op.batch_alter_table("tokens") as batch:
        batch.drop_column("kind")
    op.drop_index("ix_transactions_charger_said", "transactions")
    with op.batch_alter_table("transactions") as batch:
        for name in (*TEXTS, *WHOLES, "seconds_charging", "offline", "cost"):
            batch.drop_column(name)


def _connectors(keys: tuple[str, ...]) -> None:
    """Make `connectors` anew with this primary key; SQLite cannot change one."""
    texts = ("status", "error_code", "info", "vendor", "vendor_error", "quality")
    wholes = ("at_us", "received_us", "order_us")
    op.rename_table("connectors", "connectors_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_connectors RENAME TO pk_connectors_before")
    op.create_table(
        "connectors",
        sa.Column("charger", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)
            for name in keys[1:]
        ),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in texts),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in wholes),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_connectors")),
    )
    names = ", ".join(("charger", "connector", *texts, *wholes))
    extra = ", plug" if "plug" in keys else ""
    value = ", 0" if "plug" in keys else ""
    op.execute(
        f"INSERT INTO connectors ({names}{extra}) "  # noqa: S608 names of this file
        f"SELECT {names}{value} FROM connectors_before"
    )
    op.drop_table("connectors_before")
