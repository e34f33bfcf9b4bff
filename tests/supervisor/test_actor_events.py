import logging

import pytest

from supervisor.actor_events import ActorFailed, log_actor_event


def test_an_event_is_logged_as_one_warning_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_actor_event(ActorFailed("CP-1", "Frame", ValueError("boom"), restarted=True))

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("supervisor.actors", logging.WARNING)
    assert "CP-1" in record.message
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "boom"
