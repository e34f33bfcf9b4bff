"""Words of an enumeration, understood in whatever spelling a charger uses.

exact word -> itself; else its folded spelling in a table of words and aliases; else as written
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from protocol.fields import Fields

_SEPARATORS = str.maketrans("", "", " ._-/")


def fold(spelling: str) -> str:
    """Return `spelling` without case, spaces and separators."""
    return spelling.translate(_SEPARATORS).casefold()


def folded(words: Iterable[str], **aliases: str) -> Mapping[str, str]:
    """Return the table of `words` and `aliases` by their folded spelling."""
    return MappingProxyType({fold(word): word for word in words} | aliases)


def spelled(word: str, exact: Collection[str], tolerant: Mapping[str, str]) -> str:
    """Return the word that is meant, or `word` itself when no table has it."""
    return word if word in exact else tolerant.get(fold(word), word)


def read_word(
    fields: Fields, name: str, default: str, exact: Collection[str], tolerant: Mapping[str, str]
) -> str:
    """Return the member `name` as the word that is meant; another spelling is flagged."""
    written = fields.text(name).strip()
    if not written:
        return default
    if written in exact:
        return written
    fields.mark("coerced", name)
    return tolerant.get(fold(written), written)
