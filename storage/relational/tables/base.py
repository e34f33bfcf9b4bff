"""The metadata of all tables, and the kinds of columns."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text(name: str, **options: Any) -> Column[str]:  # noqa: ANN401 passed through
    """Return a column of text, empty when nothing is said."""
    return Column(name, Text, nullable=False, server_default="", **options)


def whole(name: str, **options: Any) -> Column[int]:  # noqa: ANN401 passed through
    """Return a column of whole numbers, 0 when nothing is said."""
    return Column(name, BigInteger, nullable=False, server_default="0", **options)


def flag(name: str) -> Column[bool]:
    """Return a column of yes and no, no when nothing is said."""
    return Column(name, Boolean, nullable=False, server_default="0")


def key(name: str, kind: type[String | BigInteger | Integer] = String) -> Column[Any]:
    """Return a column of the primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False)
