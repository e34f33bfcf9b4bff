"""Passwords of people: which ones are taken, and how they are kept and checked.

Argon2id with the parameters of RFC 9106, section 4, second choice (64 MiB): `keep` and `verify`
take tens of milliseconds, so call them in a thread. Which passwords are taken follows NIST SP
800-63B, section 3.1.1.2: a least length, no rules of composition, Unicode made one by NFKC.
"""

import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import InvalidInput

PASSWORD_CHARS_MAX: Final = 256
NOBODY: Final = f"$argon2id$v=19$m=65536,t=3,p=4${'A' * 22}${'A' * 43}"
"""Of no password. Checked for names that nobody has, so that they take as long as all others."""


def check_password(password: str, chars_min: int, *others: str) -> None:
    """Raise InvalidInput when a password is too short, too long, or one of `others`."""
    count = len(unicodedata.normalize("NFKC", password))
    if not chars_min <= count <= PASSWORD_CHARS_MAX:
        raise InvalidInput("password", f"must have {chars_min} to {PASSWORD_CHARS_MAX} characters")
    if password.casefold() in {other.casefold() for other in others}:
        raise InvalidInput("password", "must not be the name")
    if len(set(password)) == 1:
        raise InvalidInput("password", "must not be one character only")


def keep(password: str) -> str:
    """Return what is kept of a password."""
    return PasswordHasher().hash(_normal(password))


def verify(kept: str, password: str) -> bool:
    """Return whether a password is the one of `kept`; empty: nobody's, after the same time.

    Never raises for anything that a stranger sends.
    """
    attempt = _normal(password[: PASSWORD_CHARS_MAX * 4])
    try:
        PasswordHasher().verify(kept or NOBODY, attempt)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


def is_outdated(kept: str) -> bool:
    """Return whether a password should be kept anew: the parameters are no longer those of now."""
    return PasswordHasher().check_needs_rehash(kept)


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")
