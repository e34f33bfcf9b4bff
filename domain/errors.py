"""The tree of our errors.

    CsmsError
        ConfigError           a setting is wrong: names the field and the rule
        InvalidInput          an operator's input is wrong: names the field and the rule
        NotFound              no such thing
        Unavailable           a part that is needed is away; try later
        JournalFailed         the journal cannot commit; nothing may be acknowledged

`protocol.errors` has the faults of peers on the wire.
"""


class CsmsError(Exception):
    """Base of all errors that this project raises on purpose."""


class ConfigError(CsmsError):
    """A setting is wrong. `problems` has one line per problem: field, rule, value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class InvalidInput(CsmsError):
    """An operator's input is wrong."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class NotFound(CsmsError):
    """No such thing."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} does not exist")
        self.kind = kind
        self.name = name


class Unavailable(CsmsError):
    """A part that is needed is away; the same call may work later."""


class JournalFailed(CsmsError):
    """The journal cannot commit (disk full, I/O error): nothing may be acknowledged any more."""
