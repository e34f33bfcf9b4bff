"""Every setting, from csms.config."""

from collections.abc import Iterator
from typing import get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from csms.config import PREFIX, SEPARATOR, Config
from docs.pages.tables import table

HEAD = f"""\
# Configuration

Made from the settings models by `python -m docs.generate`; edit those.

Later wins: these defaults, the TOML file (`--config`, or `csms.toml` in the data directory), the
environment (`{PREFIX}API{SEPARATOR}PORT` is `api.port`), the command line. Names end in their unit.
"""


def page() -> str:
    """Return the page as Markdown, a section a table of the file."""
    lines = [HEAD]
    plain = [row for row in rows(Config, "") if "." not in row[0].strip("`")]
    lines += [*_table(plain), ""]
    for name, field in Config.model_fields.items():
        model = _model_of(field)
        if model is not None:
            lines += [f"## {name}", "", *_table(rows(model, f"{name}.")), ""]
    return "\n".join(lines)


def _table(found: "Iterator[tuple[str, ...]] | list[tuple[str, ...]]") -> list[str]:
    return table(("setting", "default", "allowed", "what it does"), found)


def rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each setting of `model`, nested ones included."""
    for name, field in model.model_fields.items():
        inner = _model_of(field)
        if inner is not None:
            if prefix:
                yield from rows(inner, f"{prefix}{name}.")
            continue
        yield (f"`{prefix}{name}`", _default(field), _allowed(field), field.description or "")


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ("", (), [], {}):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple | list):
        return f"`{', '.join(map(str, default))}`"
    return f"`{default}`"


SIGNS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def _allowed(field: FieldInfo) -> str:
    return ", ".join(
        f"{SIGNS[type(rule)][0]} {getattr(rule, SIGNS[type(rule)][1])}"
        for rule in field.metadata
        if type(rule) in SIGNS
    )
