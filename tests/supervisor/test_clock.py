import time

import pytest

from supervisor.clock import Clock, FakeClock


def test_the_wall_clock_counts_microseconds_since_1970() -> None:
    before = time.time_ns() // 1_000
    now = Clock().now_us()
    assert before <= now <= time.time_ns() // 1_000


def test_the_monotonic_clock_never_goes_back() -> None:
    clock = Clock()
    readings = [clock.monotonic_us() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_fake_clock_moves_only_when_advanced() -> None:
    clock = FakeClock(now_us=5)
    assert (clock.now_us(), clock.monotonic_us()) == (5, 0)
    clock.advance_us(10)
    assert (clock.now_us(), clock.monotonic_us()) == (15, 10)


def test_a_stepped_wall_clock_leaves_spans_alone() -> None:
    clock = FakeClock(now_us=100)
    clock.step_us(-40)
    assert (clock.now_us(), clock.monotonic_us()) == (60, 0)


def test_a_fake_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="time does not go back"):
        FakeClock().advance_us(-1)
