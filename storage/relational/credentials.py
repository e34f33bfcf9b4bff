"""How passwords and API keys are kept and checked. The secret itself is never kept.

A key that we generate has 160 random bits: nobody can guess it, so one HMAC-SHA-256 is enough and
20,000 reconnecting chargers cost next to nothing. A password that a human chose is hashed with
argon2id, which takes tens of milliseconds: do that in a thread.

OCPP 1.6 security whitepaper edition 3, section 4: an AuthorizationKey of 1.6 is up to 40 hex
digits that stand for up to 20 bytes; chargers send the bytes or the hex text, in either case.
"""

import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import InvalidInput
from domain.records import Credential

KEY_BYTES = 20
PASSWORD_BYTES_MIN = 1
PASSWORD_BYTES_SAFE = 16
"""A00.FR.205: at least 16 bytes; shorter ones, which chargers in the field have, fall to guessing.
They are taken, and whoever sets one is told."""
PASSWORD_BYTES_MAX = 64

_CHOSEN = PasswordHasher(time_cost=2, memory_cost=19 * 1_024, parallelism=1)
"""argon2id with what OWASP's Password Storage Cheat Sheet asks for at least: 19 MiB, one lane. The
package's default (64 MiB, three passes, four lanes) costs seven times as much, and who guesses from
many addresses makes us pay for it. What is kept names its own parameters, so older ones hold."""

HMAC = "hmac"
ARGON2 = "argon2"


def generate_key() -> str:
    """Return a new charger password: 160 random bits as 40 hex digits."""
    return secrets.token_hex(KEY_BYTES)


def keep_generated(key: str) -> Credential:
    """Return what is kept of a key made by `generate_key`. Takes microseconds."""
    salt = secrets.token_bytes(16)
    return Credential(HMAC, salt, _hmac(salt, key.lower().encode()))


def keep_chosen(password: str) -> Credential:
    """Return what is kept of a password that a human chose. Takes tens of milliseconds.

    Raises:
        InvalidInput: the password is too short or too long.
    """
    raw = password.encode()
    if not PASSWORD_BYTES_MIN <= len(raw) <= PASSWORD_BYTES_MAX:
        raise InvalidInput(
            "password", f"must have {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes"
        )
    return Credential(ARGON2, b"", _CHOSEN.hash(raw).encode())


def verify(credential: Credential, password: bytes) -> bool:
    """Tell whether `password`, as it came in the Basic header, is the right one.

    Never raises for anything a peer sends. An argon2 credential takes tens of milliseconds: call
    it in a thread, and remember the answer. Bytes are also tried as the hex text that they are
    the decoded form of.
    """
    if credential.kind == HMAC:
        salt, digest = credential.salt, credential.digest
        as_text = hmac.compare_digest(_hmac(salt, password.lower()), digest)
        as_bytes = hmac.compare_digest(_hmac(salt, password.hex().encode()), digest)
        return as_text or as_bytes
    if credential.kind == ARGON2:
        return any(_argon2(credential, attempt) for attempt in _spellings(password))
    return False


def is_slow(credential: Credential) -> bool:
    """Tell whether `verify` takes so long that it belongs in a thread."""
    return credential.kind != HMAC


def generate_secret() -> str:
    """Return a new API key: `csms_` and 256 random bits."""
    return f"csms_{secrets.token_urlsafe(32)}"


def keep_secret(secret: str) -> bytes:
    """Return what is kept of an API key: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def _spellings(password: bytes) -> list[bytes]:
    """A charger that was given hex digits may send the bytes that they stand for."""
    if len(password) == KEY_BYTES and not password.isalnum():
        return [password, password.hex().encode(), password.hex().upper().encode()]
    return [password]


def _hmac(salt: bytes, value: bytes) -> bytes:
    return hmac.digest(salt, value, "sha256")


def _argon2(credential: Credential, password: bytes) -> bool:
    try:
        return _CHOSEN.verify(credential.digest, password)
    except (VerificationError, InvalidHashError):
        return False
