"""What is filled into the form of a job is a body for REST, or a mistake with its field."""

import pytest

from csms.dashboard.pages.jobs import ACTIONS, DEFAULTS, job_of


def test_what_is_filled_in_is_asked_for() -> None:
    body = job_of(DEFAULTS | {"site": " harbour ", "ids": "A, B\nC", "percent": "12.5"})
    assert body["where"] == {"site": "harbour", "ids": ["A", "B", "C"]}
    assert body["canary"] == {"chargers": 1, "then": "continue"}
    assert (body["rate_per_s"], body["abort"]) == (5, {"failures": 0, "percent": 12.5})
    assert {"Reset", "TriggerMessage", "SetVariables"} <= set(ACTIONS)


@pytest.mark.parametrize(
    ("field", "text"),
    [("payload", "{"), ("canary", "few"), ("rate", "nan"), ("failures", "inf"), ("percent", "x")],
)
def test_a_mistake_is_told_with_its_field(field: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        job_of(DEFAULTS | {field: text})
