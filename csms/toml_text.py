"""A configuration as TOML text: what `csms config show` prints and `load_config` reads back."""

import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel


def to_toml(config: BaseModel) -> str:
    """Return every setting that has a value, sections after plain keys."""
    return "\n".join(_lines(config.model_dump(mode="json"), "")) + "\n"


def _lines(table: Mapping[str, object], name: str) -> Iterator[str]:
    for key, value in table.items():
        if value is not None and not isinstance(value, Mapping):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            full = f"{name}.{_key(key)}" if name else _key(key)
            yield from ("", f"[{full}]")
            yield from _lines(value, full)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _value(key)


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    # JSON's numbers, booleans and texts are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
