"""Files for chargers and from them, and the addresses at which chargers get and put them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FILE_TEXTS = (
    "tenant", "kind", "content", "name", "charger", "purpose", "sha256", "created_by",
)  # fmt: skip
FILE_WHOLES = ("size", "request", "created_us", "received_us")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "files",
        sa.Column("id", sa.String(), nullable=False),
        *(_text(name) for name in FILE_TEXTS),
        *(_whole(name) for name in FILE_WHOLES),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_tenant_created_us", "files", ["tenant", "created_us"])
    op.create_index("ix_files_charger_created_us", "files", ["charger", "created_us"])
    op.create_table(
        "file_links",
        sa.Column("digest", sa.String(), nullable=False),
        *(_text(name) for name in ("file", "charger", "way")),
        _whole("expires_us"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_file_links")),
    )
    op.create_index("ix_file_links_file", "file_links", ["file"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("file_links")
    op.drop_table("files")
