import pytest

from domain.errors import CsmsError
from supervisor.actor_errors import (
    ActorCrashed,
    ActorDead,
    AskFailed,
    MailboxFull,
    UnsupportedByBase,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ActorDead("CP-1"), "actor CP-1 is stopped"),
        (MailboxFull("CP-1"), "the mailbox of actor CP-1 is full"),
        (
            ActorCrashed("CP-1", "Traceback:\n  line\nKeyError: 'x'\n"),
            "actor CP-1 crashed on this message: KeyError: 'x'",
        ),
    ],
)
def test_a_failed_ask_says_which_actor_and_why(error: AskFailed, text: str) -> None:
    assert isinstance(error, CsmsError)
    assert error.actor == "CP-1"
    assert str(error) == text


def test_a_crash_keeps_the_whole_traceback() -> None:
    assert ActorCrashed("CP-1", "a\nb").details == "a\nb"


def test_an_unsupported_part_is_a_not_implemented_error_with_the_way_out() -> None:
    error = UnsupportedByBase("listen()", "use ask")

    assert isinstance(error, NotImplementedError)
    assert (error.part, str(error)) == ("listen()", "AsyncioBase has no listen(): use ask")
