"""Secrets out of payloads, before they reach the message log.

What counts as a secret:

    configuration keys   the values of AuthorizationKey and of every key whose name says password,
                         secret, token ... (ChangeConfiguration.req, GetConfiguration.conf)
    variables            the values of variables of such names (2.x: SetVariables, NotifyReport ...)
    members              of such names, anywhere, also inside DataTransfer's data when it is JSON
    key codes            idTokens of type KeyCode: PINs that drivers type (2.x: C04)
    URLs                 the password of user:password@host, signatures in queries, and parts of
                         paths that are 256 random bits

The rows of a version's tables say which payloads may hold any (`secret_request`,
`secret_response`); all others pass untouched, at no cost.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache

HIDDEN = "***"
KEY_CODE = b"KeyCode"

_SECRET_NAME = re.compile(
    r"auth(?:orization)?[ ._-]?key|passw|pwd|passphrase|secret|credential|private[ ._-]?key"
    r"|api[ ._-]?key|vpn[ ._-]?key|sim[ ._-]?pin|(?<!id)token$",
    re.IGNORECASE,
)
_SECRET_PARAMETER = re.compile(_SECRET_NAME.pattern + r"|signature|^sig$|^key$", re.IGNORECASE)
_SECRET_WORDS = re.compile(_SECRET_NAME.pattern.replace("$", ""), re.IGNORECASE)
_EXI = re.compile(r"exire(?:quest|sponse)", re.IGNORECASE)
"""Messages of cars: whose it is, and the key of its contract (ISO 15118)."""
# Up to the last @: passwords with a slash in them are typed by hand, @ in a path is rare, and
# hiding too much of a URL costs less than hiding too little.
_USERINFO = re.compile(r"(?<=://)[^\s\"'<>]*@")
_QUERY_VALUE = re.compile(r"(?<=[?&;])([^=&;#?\s\"'<>]+)=([^&;#\s\"'<>]*)")
# 256 bits in base64url: the addresses at which chargers fetch firmware and send logs.
_PATH_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{43}(?=[/?#\s\"'<>]|$)")
_DEPTH_MAX = 32
_REMEMBERED_LENGTH_MAX = 64
"""Of a name; what is longer is no name of a specification, and is looked at each time."""


def redact(payload: object, text: bytes) -> bytes:
    """Return `text`, the JSON of `payload` as it came, or new JSON when it holds secrets.

    Never raises. For payloads of rows that say they may hold secrets; the decoded payload is not
    changed.
    """
    clean = _hide(payload, 0)
    if clean == payload:
        return text
    return json.dumps(clean, separators=(",", ":")).encode()


def hide_members(
    payload: Mapping[str, object], text: bytes, names: frozenset[str]
) -> tuple[Mapping[str, object], bytes]:
    """Return a payload and its JSON without the values of these members. Never raises.

    Also of a message inside a DataTransfer: in a member that is an object, or JSON text of one.
    """
    clean = _without_members(payload, names)
    if clean == payload:
        return payload, text
    return clean, json.dumps(clean, separators=(",", ":")).encode()


def _without_members(payload: Mapping[str, object], names: frozenset[str]) -> dict[str, object]:
    return {
        name: HIDDEN if name in names and value not in (None, "") else _without_inner(value, names)
        for name, value in payload.items()
    }


def _without_inner(value: object, names: frozenset[str]) -> object:
    if isinstance(value, dict):
        return {
            name: HIDDEN if name in names and item not in (None, "") else item
            for name, item in value.items()
        }
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return HIDDEN if any(name in value for name in names) else value
    if names.isdisjoint(inner):
        return value
    return json.dumps(_without_inner(inner, names), separators=(",", ":"))


def hide_key_codes(text: bytes) -> bytes:
    """Return the JSON of a payload without the PINs of drivers. Never raises.

    For the log only: what a driver typed is read and kept as the token of a transaction.
    """
    if KEY_CODE not in text:
        return text
    try:
        return redact(json.loads(text), text)
    except (ValueError, RecursionError):
        return redact_unreadable(text)


def redact_unreadable(text: bytes) -> bytes:
    """Return a frame that nobody could parse, without what may be secret in it.

    There is no telling where a secret begins and ends in broken JSON, so a frame that mentions one
    keeps only its length.
    """
    readable = text.decode("utf-8", "surrogateescape")
    if _SECRET_WORDS.search(readable) or _EXI.search(readable) or KEY_CODE in text:
        return b"[redacted: %d bytes]" % len(text)
    return hide_in_urls(readable).encode("utf-8", "surrogateescape")


def hide_in_urls(text: str) -> str:
    """Return `text` without passwords, signatures and secrets in its URLs; user names stay."""
    if "://" not in text:
        return text
    without = _PATH_SECRET.sub(HIDDEN, _USERINFO.sub(_hide_password, text))
    return _QUERY_VALUE.sub(_hide_query_value, without)


def is_secret_name(name: str) -> bool:
    """Return whether a configuration key or a member of this name holds a secret."""
    if len(name) > _REMEMBERED_LENGTH_MAX:
        return _SECRET_NAME.search(name) is not None
    return _is_secret(name)


@lru_cache(maxsize=4_096)
def _is_secret(name: str) -> bool:
    # The same few hundred names come again and again, several times in each command.
    return _SECRET_NAME.search(name) is not None


def _hide_password(found: re.Match[str]) -> str:
    user, colon, _ = found[0][:-1].partition(":")
    return f"{user}:{HIDDEN}@" if colon else f"{HIDDEN}@"


def _hide_query_value(found: re.Match[str]) -> str:
    return f"{found[1]}={HIDDEN}" if _SECRET_PARAMETER.search(found[1]) else found[0]


def _hide(value: object, depth: int) -> object:
    if depth > _DEPTH_MAX:
        return HIDDEN
    if isinstance(value, str):
        return _hide_text(value, depth)
    if isinstance(value, list):
        return [_hide(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    # {"key": "AuthorizationKey", "value": "..."}, in whatever case the charger writes it; and a key
    # beside a password is one (the `vpn` of SetNetworkProfile).
    secret_pair = any(
        name.casefold() == "key" and isinstance(item, str) and is_secret_name(item.strip())
        for name, item in value.items()
    )
    beside_secret = not secret_pair and any(map(is_secret_name, value))
    is_key_code = str(value.get("type")).casefold() == "keycode" and "idToken" in value
    variable = value.get("variable")
    if isinstance(variable, dict) and is_secret_name(str(variable.get("name"))):
        return _without_values(value)
    return {
        name: HIDDEN
        if item not in (None, "")
        and (
            is_secret_name(name)
            or (is_key_code and name == "idToken")
            or (secret_pair and name.casefold() == "value")
            or (beside_secret and name.casefold() == "key")
        )
        else _hide(item, depth + 1)
        for name, item in value.items()
    }


_VALUES = frozenset({"attributevalue", "actualvalue", "value"})
_VALUE_LISTS = "variableattribute"


def _without_values(row: dict[str, object]) -> dict[str, object]:
    """Return what is said of a secret variable, without its values."""
    clean: dict[str, object] = {}
    for name, item in row.items():
        if name.casefold() in _VALUES:
            clean[name] = HIDDEN if item not in (None, "") else item
        elif name.casefold() == _VALUE_LISTS and isinstance(item, list):
            clean[name] = [_without_values(e) if isinstance(e, dict) else HIDDEN for e in item]
        else:
            clean[name] = item
    return clean


def _hide_text(text: str, depth: int) -> str:
    if text[:1] not in ("{", "["):
        return hide_in_urls(text)
    # A vendor's JSON inside a text.
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return HIDDEN if _SECRET_WORDS.search(text) else hide_in_urls(text)
    hidden = _hide(inner, depth + 1)
    return text if hidden == inner else json.dumps(hidden, separators=(",", ":"))
