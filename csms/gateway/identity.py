"""The charger's identity out of the path of its request.

OCPP-J 1.6 section 3.1.1 and 2.0.1 part 4 section 3.1.1: the last path segment, percent-encoded.
Chargers in the field double slashes, end with one, or bring a path of their own in front.
"""

from urllib.parse import unquote_to_bytes

from domain.ids import CHARGER_ID_LENGTH_MAX

HEX = frozenset("0123456789abcdefABCDEF")


class NoIdentity(ValueError):
    """The path names no charger; the text says why."""


def identity(path: str, prefix: str = "ocpp") -> str:
    """Return the identity in `path`, decoded exactly once.

    Raises:
        NoIdentity: nothing after the prefix, a bad escape, or characters that no identity has.
    """
    segments = [segment for segment in path.partition("?")[0].split("/") if segment]
    if not segments or segments == [prefix]:
        raise NoIdentity("the path ends before the identity of a charger")
    segment = segments[-1]
    for index, character in enumerate(segment):
        if character == "%" and not (
            len(segment) > index + 2 and HEX.issuperset(segment[index + 1 : index + 3])
        ):
            raise NoIdentity(f"bad percent-escape at character {index} of the identity")
    try:
        name = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoIdentity("the identity is not UTF-8") from error
    if len(name) > CHARGER_ID_LENGTH_MAX:
        raise NoIdentity(f"the identity is longer than {CHARGER_ID_LENGTH_MAX} characters")
    if "/" in name or not name.isprintable() or name != name.strip():
        raise NoIdentity("the identity has a slash, a control character or outer blanks")
    return name
