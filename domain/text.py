"""Cleaning of text that came from outside."""


def clean(text: str, length_max: int = 10_000) -> str:
    """Return `text` without NUL and lone surrogates, cut to `length_max` characters.

    PostgreSQL refuses U+0000 and no store takes lone surrogates; the raw frame stays in the
    message log, escaped.
    """
    if len(text) > length_max:
        text = text[:length_max]
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
