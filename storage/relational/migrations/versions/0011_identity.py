"""Users, sessions, one-time links, rights by site, the audit log, idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = ("users", "sign_ins", "sign_in_links", "audit", "idempotency_keys")
REFUSED = "the audit log is append-only"
POSTGRESQL = f"""
CREATE FUNCTION csms_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), autoincrement=False, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default="0", nullable=False)


def _digest() -> sa.Column[bytes]:
    return sa.Column("digest", sa.LargeBinary(), nullable=False)


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("api_keys", _text("sites"))
    op.add_column("api_keys", _text("created_by"))
    op.create_index("ix_api_keys_tenant", "api_keys", ["tenant"])
    op.create_table(
        "users",
        _key("id"),
        _text("tenant"),
        _text("login"),
        sa.Column("folded", sa.Text()),
        *(_text(name) for name in ("name", "role", "sites", "password", "issuer", "subject")),
        _flag("disabled"),
        *(_int(name) for name in ("created_us", "password_us", "signed_in_us", "revision")),
        _flag("deleted"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("folded", name=op.f("uq_users_folded")),
    )
    op.create_index("ix_users_tenant", "users", ["tenant"])
    op.create_index("ix_users_issuer_subject", "users", ["issuer", "subject"])
    op.create_table(
        "sign_ins",
        _key("id"),
        _text("tenant"),
        _digest(),
        _text("user"),
        _text("api_key"),
        *(_int(name) for name in ("created_us", "seen_us", "expires_us")),
        _text("remote"),
        _text("user_agent"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_ins_digest")),
    )
    op.create_index("ix_sign_ins_user", "sign_ins", ["user"])
    op.create_index("ix_sign_ins_expires_us", "sign_ins", ["expires_us"])
    op.create_table(
        "sign_in_links",
        _key("id"),
        _text("tenant"),
        _digest(),
        _text("user"),
        _int("created_us"),
        _int("expires_us"),
        _text("created_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_in_links_digest")),
    )
    op.create_index("ix_sign_in_links_user", "sign_in_links", ["user"])
    op.create_index("ix_sign_in_links_expires_us", "sign_in_links", ["expires_us"])
    op.create_table(
        "audit",
        _key("id"),
        _int("at_us"),
        *(
            _text(name)
            for name in (
                "tenant", "actor_kind", "actor", "actor_name", "remote", "action", "object",
                "detail",
            )
        ),
        _int("status"),
        _text("outcome"),
        _text("request"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )  # fmt: skip
    op.create_index("ix_audit_at_us_id", "audit", ["at_us", "id"])
    op.create_index("ix_audit_tenant_at_us", "audit", ["tenant", "at_us"])
    op.create_table(
        "idempotency_keys",
        _key("caller"),
        _key("name"),
        _text("tenant"),
        _digest(),
        *(_int(name) for name in ("created_us", "expires_us", "status")),
        _text("headers"),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("caller", "name", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_expires_us", "idempotency_keys", ["expires_us"])
    _refuse_changes()


def _refuse_changes() -> None:
    """Let the database itself refuse what would change the audit log."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        return
    op.execute(POSTGRESQL)
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION csms_audit_append_only()"
    )
    op.execute(
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION csms_audit_append_only()"
    )


def downgrade() -> None:
    """Remove them."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION csms_audit_append_only()")
    op.drop_index("ix_api_keys_tenant", "api_keys")
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_column("created_by")
        batch.drop_column("sites")
