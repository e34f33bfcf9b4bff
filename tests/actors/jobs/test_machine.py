import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.jobs.machine import Bucket, Decision, Plan, Tally, canaries_of, decide


def tally(waiting: int = 10, sending: int = 0, canaries: int = 0, **outcomes: int) -> Tally:
    return Tally(waiting, sending, outcomes, canaries)


def test_a_job_sends_what_its_rate_and_its_room_allow():
    plan = Plan("running", in_flight_max=5)
    assert decide(plan, tally(), 3) == Decision(send=3)
    assert decide(plan, tally(sending=4), 3) == Decision(send=1)
    assert decide(plan, tally(waiting=1), 3) == Decision(send=1)


def test_until_the_canaries_are_done_nobody_else_is_commanded():
    plan = Plan("running", canary=2)
    assert decide(plan, tally(canaries=2), 9) == Decision(send=2)
    assert decide(plan, Tally(8, 2, {}, 2, 2), 9) == Decision(send=0)
    assert decide(plan, tally(accepted=2), 9) == Decision(send=9, canary_passed=True)
    failed = Tally(8, 0, {"rejected": 1, "accepted": 1}, canary_failures=1)
    assert decide(plan, failed, 9) == Decision(state="paused", reason="canary_failed")
    asking = Plan("running", canary=2, canary_then="pause")
    assert decide(asking, tally(accepted=2), 9) == Decision(state="paused", reason="canary_done")
    passed = Plan("running", canary=2, canary_passed=True, canary_then="pause")
    assert decide(passed, failed, 9) == Decision(send=8)


@pytest.mark.parametrize(
    ("plan", "outcomes", "aborts"),
    [
        (Plan("running", abort_failures=2), {"rejected": 1}, False),
        (Plan("running", abort_failures=2), {"rejected": 1, "unknown": 1}, True),
        (Plan("running", abort_pct=10), {"accepted": 10, "error": 1}, False),
        (Plan("running", abort_pct=10), {"accepted": 9, "error": 1}, True),
        (Plan("running", abort_pct=10), {"offline": 9, "error": 1}, True),
        (Plan("running", abort_failures=1), {"offline": 9, "not_applicable": 3}, False),
        (Plan("running"), {"lost": 9}, False),
    ],
)
def test_too_many_failures_end_a_job(plan, outcomes, aborts):
    decision = decide(plan, tally(**outcomes), 1)
    assert (decision.state == "aborted") is aborts


def test_a_job_is_finished_when_the_last_one_has_ended():
    plan = Plan("running")
    assert decide(plan, tally(waiting=0, sending=1), 9) == Decision()
    assert decide(plan, tally(waiting=0, accepted=3), 9) == Decision(state="finished")


@given(
    state=st.sampled_from(["paused", "cancelled", "aborted", "finished"]),
    waiting=st.integers(0, 100),
    allowance=st.integers(0, 100),
)
def test_what_does_not_run_sends_nothing(state, waiting, allowance):
    assert decide(Plan(state), tally(waiting), allowance) == Decision()


@given(
    waiting=st.integers(0, 50),
    sending=st.integers(0, 50),
    canaries=st.integers(0, 50),
    room=st.integers(1, 50),
    allowance=st.integers(0, 100),
)
def test_never_more_are_on_their_way_than_allowed(waiting, sending, canaries, room, allowance):
    plan = Plan("running", canary=canaries, in_flight_max=room)
    decision = decide(plan, Tally(waiting, sending, {}, min(canaries, waiting)), allowance)
    assert decision.send <= min(waiting, allowance)
    assert decision.send == 0 or sending + decision.send <= room


def test_canaries_are_a_number_or_a_part_rounded_up():
    assert canaries_of(10, 3, 0) == 3
    assert canaries_of(10, 0, 5) == 1
    assert canaries_of(10, 0, 25) == 3
    assert canaries_of(2, 5, 0) == 2
    assert canaries_of(10, 0, 0) == 0


def test_a_rate_holds_and_does_not_save_up():
    bucket = Bucket(10.0, 0)
    assert bucket.allowance(0) == 1
    bucket.take(1)
    assert bucket.allowance(500_000) == 5
    bucket.take(5)
    assert bucket.allowance(60_000_000) == 10
    slow = Bucket(0.5, 0)
    slow.take(slow.allowance(0))
    assert slow.allowance(1_900_000) == 0
    assert slow.allowance(2_000_000) == 1
