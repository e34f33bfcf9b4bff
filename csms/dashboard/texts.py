"""All words of the pages: one catalogue a language, in `texts/<language>.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""Code -> its name in itself. The first one is taken when the browser asks for none of them."""
DEFAULT = next(iter(LANGUAGES))


class Texts:
    """The words of one language.

    Args:
        language: a key of LANGUAGES.
        words: key -> text, with `{name}` where something is put in.
    """

    def __init__(self, language: str, words: Mapping[str, str]) -> None:
        self.language = language
        self._words = words

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of `key`; KeyError: the catalogue has none."""
        text = self._words[key]
        return text.format(**values) if values else text

    def known(self, prefix: str, word: str) -> str:
        """Return the text of `prefix.word`, or the word itself: chargers send words of theirs."""
        return self._words.get(f"{prefix}.{word}", word)

    def keys(self) -> frozenset[str]:
        """Return all keys."""
        return frozenset(self._words)


@cache
def texts_of(language: str) -> Texts:
    """Return the catalogue of a language of LANGUAGES."""
    document = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    words = {
        f"{section}.{key}": text
        for section, table in document.items()
        for key, text in table.items()
    }
    return Texts(language, words)


def choose(chosen: str, accepted: str) -> str:
    """Return the language to answer in.

    Args:
        chosen: what the user has chosen, or anything else.
        accepted: Accept-Language of the browser, best first in practice.
    """
    if chosen in LANGUAGES:
        return chosen
    for part in accepted.split(","):
        language = part.split(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return DEFAULT
