"""The official JSON schemas, used to mark payloads and not to refuse them.

The schema files are those inside the `ocpp` package; only its data is used, none of its code.
Every violation becomes a *flag*: a kind and the place, with `*` for list indexes, so that flags
can be counted over millions of messages:

    missing:/meterValue/*/timestamp   a required property is not there
    type:/connectorId                 another JSON type
    length:/chargePointVendor         too long, too short, too many, too few
    enum:/meterValue/*/sampledValue/*/unit
    format:/timestamp                 not a readable time; more digits than allowed
    extra:/                           properties that the schema does not know (at this object)
    unreadable:/                      the validator gave up (lone surrogates, too deep)

For chargers that are held to the letter, `Schema.error` turns the first violation into the error
code of a CALLERROR.
"""

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files

import jsonschema_rs

from protocol.errors import ErrorCode
from protocol.time import readable_time

FLAGS_MAX = 32
"""Distinct flags of one payload; more add nothing that an operator could use."""
ITEMS_MAX = 16
"""Items of each list that are searched for all their violations. The validator collects every one
before it returns (10 us each), so a frame full of bad samples would hold up the whole process. A
payload whose only violations are in later items gets one flag, of the first of them."""

KINDS: Mapping[str, str] = {
    "required": "missing",
    "type": "type",
    "maxLength": "length",
    "minLength": "length",
    "maxItems": "length",
    "minItems": "length",
    "enum": "enum",
    "format": "format",
    "multipleOf": "format",
    "minimum": "format",
    "maximum": "format",
    "pattern": "format",
    "additionalProperties": "extra",
}
"""Flag kind by JSON schema keyword."""

CODES: Mapping[str, ErrorCode] = {
    "missing": ErrorCode.OCCURRENCE_CONSTRAINT,
    "type": ErrorCode.TYPE_CONSTRAINT,
    "length": ErrorCode.PROPERTY_CONSTRAINT,
    "enum": ErrorCode.PROPERTY_CONSTRAINT,
    "format": ErrorCode.PROPERTY_CONSTRAINT,
    "extra": ErrorCode.FORMATION,
    "unreadable": ErrorCode.FORMATION,
}
"""Error code by flag kind, most telling first: the first kind present decides."""


class Schema:
    """The schema of one payload."""

    __slots__ = ("_validator", "name")

    def __init__(self, name: str, document: dict[str, object]) -> None:
        self.name = name
        # The standard's own date-time would flag the times without a zone and with `+03` that we
        # read without loss; a URI is what the charger takes for one.
        self._validator = jsonschema_rs.validator_for(
            document,
            validate_formats=True,
            formats={"date-time": readable_time, "uri": _any_text},
        )

    def flags(self, payload: object) -> tuple[str, ...]:
        """Return what is wrong with `payload`, at most `FLAGS_MAX` flags; empty when valid.

        Never raises.
        """
        try:
            if self._validator.is_valid(payload):
                return ()
        except ValueError:  # lone surrogates, depth; the validator's own limits
            return ("unreadable:/",)
        flags: dict[str, None] = {}
        for flag, _ in self._violations(payload):
            flags[flag] = None
            if len(flags) == FLAGS_MAX:
                break
        return tuple(flags)

    def error(self, payload: object) -> tuple[ErrorCode, str] | None:
        """Return the CALLERROR that a strict reading asks for, or None when `payload` is valid.

        The description names the place and the rule, and never repeats a value: values may be
        secrets.
        """
        if not isinstance(payload, dict):
            return ErrorCode.PROTOCOL, f"the payload of {self.name} must be an object"
        try:
            if self._validator.is_valid(payload):
                return None
        except ValueError:
            return CODES["unreadable"], f"/: {RULES['unreadable']}"
        first: dict[str, tuple[str, str]] = {}
        for flag, rule in self._violations(payload):
            first.setdefault(flag.partition(":")[0], (flag, rule))
        for kind, code in CODES.items():
            if kind in first:
                flag, rule = first[kind]
                return code, f"{flag.partition(':')[2]}: {rule}"
        return ErrorCode.FORMATION, f"the payload is no valid {self.name}"

    def _violations(self, payload: object) -> Iterable[tuple[str, str]]:
        """Yield flag and rule of each violation in the first items of every list."""
        try:
            found = False
            for error in self._validator.iter_errors(_thinned(payload)):
                found = True
                yield _flag(error)
            if not found:
                self._validator.validate(payload)
        except jsonschema_rs.ValidationError as later:
            yield _flag(later)
        except ValueError:
            yield "unreadable:/", RULES["unreadable"]


def _flag(error: jsonschema_rs.ValidationError) -> tuple[str, str]:
    keyword = error.kind.name
    kind = KINDS.get(keyword, "format")
    path = ["*" if isinstance(step, int) else step for step in error.instance_path]
    if keyword == "required":
        path.append(error.kind.property)  # type: ignore[attr-defined]
    return f"{kind}:/{'/'.join(path)}", RULES[kind]


def _thinned(value: object, depth: int = 0) -> object:
    """Return `value` with the first items of each list; as it is below the depth of any schema."""
    if depth == DEPTH_MAX:
        return value
    if isinstance(value, dict):
        return {name: _thinned(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_thinned(item, depth + 1) for item in value[:ITEMS_MAX]]
    return value


DEPTH_MAX = 12

RULES: Mapping[str, str] = {
    "missing": "required",
    "type": "wrong type",
    "length": "wrong length",
    "enum": "not one of the allowed values",
    "format": "wrong format",
    "extra": "unknown property",
    "unreadable": "the payload cannot be read",
}


class Schemas:
    """All payload schemas of one OCPP version."""

    def __init__(self, requests: Mapping[str, Schema], responses: Mapping[str, Schema]) -> None:
        self.requests = requests
        self.responses = responses

    def request(self, action: str) -> Schema:
        """Return the schema of the payload of a CALL.

        Raises:
            KeyError: the version has no such action.
        """
        return self.requests[action]

    def response(self, action: str) -> Schema:
        """Return the schema of the payload of a CALLRESULT.

        Raises:
            KeyError: the version has no such action.
        """
        return self.responses[action]


def load_schemas(folder: str, request_suffix: str = "") -> Schemas:
    """Compile every schema file of `folder` (v16, v201, v21) of the `ocpp` package.

    `request_suffix` is what request files have after the action's name: nothing in 1.6.
    """
    requests: dict[str, Schema] = {}
    responses: dict[str, Schema] = {}
    # `files("ocpp")`, not the version's package: that one would import the library's engine.
    for path in sorted((files("ocpp") / folder / "schemas").iterdir(), key=lambda path: path.name):
        name, dot, ending = path.name.rpartition(".")
        if not dot or ending != "json":
            continue
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        action = name.removesuffix("Response")
        if action != name:
            responses[action] = Schema(name, document)
        else:
            action = name.removesuffix(request_suffix)
            requests[action] = Schema(name, document)
    return Schemas(requests, responses)


def enumerations(folder: str, name: str) -> dict[str, tuple[str, ...]]:
    """Return the enumerations that a schema file defines, by the names of their types."""
    path = files("ocpp") / folder / "schemas" / f"{name}.json"
    kinds = json.loads(path.read_text(encoding="utf-8-sig")).get("definitions", {})
    return {kind: tuple(what["enum"]) for kind, what in kinds.items() if "enum" in what}


def _any_text(_text: str) -> bool:
    return True
