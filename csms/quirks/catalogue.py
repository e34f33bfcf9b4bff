"""The catalogue of models: read from TOML, checked, searched by what a charger says at its boot."""

import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import msgspec

from domain.errors import ConfigError

NONE = "none"
"""As the name of a model in a charger's record: it is treated like all others."""
QUIRKS_MAX = 54
KINDS_KEPT_MAX = 1_024
"""What was found for vendors and models: a fleet has few, and says so at every boot."""
REPLY_DELAY_MS_MAX = 10_000
REPAIRS = frozenset({"leading_comma", "missing_value", "control_character", "not_finite"})


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the chargers of a model are treated."""

    name: str
    vendor: str = "*"
    model: str = "*"
    quirks: tuple[int, ...] = ()
    why: str = ""
    reply_delay_ms: int = 0
    """Every answer is held so long (Q10)."""
    boots_first: bool = False
    """True: no call before its boot was answered, however long that takes (Q11)."""
    never_send: tuple[str, ...] = ()
    """Actions that are refused here instead of being sent (Q14)."""
    repairs: tuple[str, ...] | None = None
    """The repairs of broken JSON that are made (Q15, Q17, Q18); None: all. Others are refused."""
    pongs: bool = True
    """False: silence after a ping says nothing (Q7); only that of several heartbeats does."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    model: tuple[Model, ...] = ()


class Catalogue:
    """All models, an operator's own first."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = tuple(models)
        self._by_name = {each.name: each for each in reversed(self._models)}
        self._find = lru_cache(KINDS_KEPT_MAX)(self._search)

    def __len__(self) -> int:
        return len(self._models)

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models)

    def named(self, name: str) -> Model | None:
        """Return the model of a name, whatever a charger says of itself."""
        return self._by_name.get(name)

    def find(self, vendor: str, model: str) -> Model | None:
        """Return the first model that fits what a charger says."""
        return self._find(vendor, model)

    def _search(self, vendor: str, model: str) -> Model | None:
        vendor, model = vendor.casefold(), model.casefold()
        for each in self._models:
            if fnmatchcase(vendor, each.vendor) and fnmatchcase(model, each.model):
                return each
        return None


def load_catalogue(own: Path | None = None) -> Catalogue:
    """Return the catalogue; `own` is an operator's file whose models come first.

    Raises:
        ConfigError: a file cannot be read, or a model is wrong: names it and the rule.
    """
    shipped = (files("csms.quirks") / "catalogue.toml").read_text("utf-8")
    models = [*_read(shipped, "catalogue.toml")]
    if own is not None:
        try:
            models = [*_read(own.read_text("utf-8"), str(own)), *models]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"gateway.quirks_file: {own}: {error}"]) from error
    return Catalogue(models)


def _read(text: str, where: str) -> tuple[Model, ...]:
    try:
        models = msgspec.convert(tomllib.loads(text), _File).model
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError([f"{where}: {error}"]) from error
    problems = [
        f"{where}: {each.name or 'a model'}: {rule}" for each in models for rule in _wrong(each)
    ]
    if problems:
        raise ConfigError(problems)
    return models


def _wrong(model: Model) -> list[str]:
    rules = {
        f"name must be given, and not be {NONE!r}": model.name in {"", NONE},
        "vendor and model must be in lower case": (model.vendor + model.model).casefold()
        != model.vendor + model.model,
        "vendor or model must say something": {model.vendor, model.model} == {"*"},
        f"quirks must be numbers from 1 to {QUIRKS_MAX}": any(
            not 1 <= number <= QUIRKS_MAX for number in model.quirks
        ),
        f"reply_delay_ms must be 0 to {REPLY_DELAY_MS_MAX}": not (
            0 <= model.reply_delay_ms <= REPLY_DELAY_MS_MAX
        ),
        f"repairs must be of {', '.join(sorted(REPAIRS))}": not (
            REPAIRS.issuperset(model.repairs or ())
        ),
    }
    return [rule for rule, is_broken in rules.items() if is_broken]
