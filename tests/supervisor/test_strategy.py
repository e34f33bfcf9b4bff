from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from supervisor.child import Child, State
from supervisor.strategy import (
    Action,
    Drain,
    Finish,
    Kill,
    Outcome,
    Ping,
    Spawn,
    Supervision,
    SupervisorSettings,
)

SECOND = 1_000_000
WALL = 7


class Story:
    """A Supervision whose children are forked at once; times in seconds."""

    def __init__(self, *children: Child, **limits: float) -> None:
        self.tree = Supervision(children, SupervisorSettings.model_validate(limits))
        self.now = 0.0
        self.next_pid = 100
        self.waited: dict[int, int | None] = {}
        self.actions = self._fork(self.tree.start(0, WALL))

    def at(self, now: float) -> "Story":
        """Tick every half second until then."""
        self.seen: list[Action] = []
        while self.now < now:
            self.now += 0.5
            self.seen += self._fork(self.tree.tick(int(self.now * SECOND), self.waited.get))
        return self

    def answer(self, name: str) -> None:
        row = self.row(name)
        assert row.pid is not None
        life = self.tree._lives[name]
        self.tree.ponged(name, row.pid, life.unanswered, {"n": 1}, self._us(), WALL)

    def exit(self, name: str, code: int | None = 1) -> list[Action]:
        return self._fork(self.tree.exited(name, code, self._us(), WALL))

    def drain(self) -> list[Action]:
        return self.tree.drain(self._us(), WALL)

    def row(self, name: str):
        return next(row for row in self.tree.status() if row.name == name)

    def _us(self) -> int:
        return int(self.now * SECOND)

    def _fork(self, actions: Sequence[Action]) -> list[Action]:
        for action in actions:
            if isinstance(action, Spawn):
                self.next_pid += 1
                self.tree.spawned(action.child.name, self.next_pid)
        return list(actions)


A, B = Child("a", "m:f"), Child("b", "m:f")
LATER = Child("later", "m:f", stage=1)


class TestRestart:
    def test_all_children_are_started(self) -> None:
        assert Story(A, B).actions == [Spawn(A, 0), Spawn(B, 0)]

    def test_a_child_that_ends_is_started_again_alone(self) -> None:
        story = Story(A, B)
        assert story.exit("a", -9) == [Spawn(A, 1)]
        row = story.row("a")
        assert (row.restarts, row.last_exit, row.last_reason) == (1, -9, "signal 9")
        assert story.row("b").restarts == 0

    def test_even_a_clean_exit_of_a_permanent_child_is_a_failure(self) -> None:
        assert Story(A).exit("a", 0) == [Spawn(A, 1)]

    def test_a_temporary_child_is_not_started_again(self) -> None:
        story = Story(Child("t", "m:f", restart="temporary"), B)
        assert story.exit("t") == []
        assert story.row("t").state is State.STOPPED

    def test_an_end_is_counted_once(self) -> None:
        story = Story(Child("t", "m:f", restart="temporary"), B)
        story.exit("t", 3)
        assert story.exit("t", 4) == []
        assert story.row("t").last_exit == 3

    def test_a_child_that_could_not_be_forked_says_so(self) -> None:
        story = Story(A)
        story.exit("a", None)
        assert story.row("a").last_reason == "could not be started"


class TestIntensity:
    def test_one_restart_too_many_drains_the_others_and_gives_up(self) -> None:
        story = Story(A, B, restarts_max=2)
        assert [story.exit("a"), story.exit("b")] == [[Spawn(A, 1)], [Spawn(B, 1)]]
        assert story.exit("a") == [Drain("b")]
        assert story.exit("b", 0) == [Finish(Outcome.GAVE_UP)]

    def test_restarts_long_ago_do_not_count(self) -> None:
        story = Story(A, restarts_max=1, restarts_window_s=10)
        story.exit("a")
        story.at(11)
        assert story.exit("a") == [Spawn(A, 2)]

    def test_restarts_within_the_window_do(self) -> None:
        story = Story(A, restarts_max=1, restarts_window_s=10)
        story.exit("a")
        story.at(9.5)
        assert story.exit("a") == [Finish(Outcome.GAVE_UP)]

    def test_no_restart_at_all_may_be_allowed(self) -> None:
        assert Story(A, restarts_max=0).exit("a") == [Finish(Outcome.GAVE_UP)]


class TestHang:
    def test_at_most_one_ping_is_unanswered(self) -> None:
        story = Story(A)
        assert story.at(2).seen == [Ping("a", 1)]
        story.answer("a")
        assert story.at(4).seen == [Ping("a", 2)]

    def test_the_first_answer_makes_it_running(self) -> None:
        story = Story(A).at(1)
        assert story.row("a").state is State.STARTING
        story.answer("a")
        row = story.row("a")
        assert (row.state, row.info) == (State.RUNNING, {"n": 1})

    def test_a_silent_child_is_killed_once(self) -> None:
        story = Story(Child("a", "m:f", hang_s=3)).at(1)
        story.answer("a")
        assert Kill("a", 101, "silent for 3 s") not in story.at(4).seen
        assert story.at(6).seen == [Kill("a", 101, "silent for 3 s")]
        assert story.exit("a", -9) == [Spawn(story.tree._lives["a"].child, 1)]
        assert story.row("a").last_reason == "silent for 3 s"

    def test_before_its_first_answer_it_has_longer(self) -> None:
        story = Story(Child("a", "m:f", hang_s=3, start_s=10))
        assert story.at(10).seen == [Ping("a", 1)]
        assert story.at(11).seen == [Kill("a", 101, "not started after 10 s")]

    def test_who_was_too_slow_to_start_has_longer_the_next_time_until_it_answers(self) -> None:
        story = Story(Child("a", "m:f", start_s=10), restarts_max=20)
        for limit in (10, 20, 40, 80, 80):
            kills = [a for a in story.at(story.now + limit + 1).seen if isinstance(a, Kill)]
            assert [kill.reason for kill in kills] == [f"not started after {limit} s"]
            story.exit("a", -9)
        story.at(story.now + 1).answer("a")
        story.exit("a", 1)
        kills = [a for a in story.at(story.now + 11).seen if isinstance(a, Kill)]
        assert [kill.reason for kill in kills] == ["not started after 10 s"]

    def test_who_ends_by_itself_while_it_starts_has_no_longer(self) -> None:
        story = Story(Child("a", "m:f", start_s=10)).at(1)
        story.exit("a", 1)
        kills = [a for a in story.at(story.now + 11).seen if isinstance(a, Kill)]
        assert [kill.reason for kill in kills] == ["not started after 10 s"]

    def test_who_waits_for_a_processor_is_not_taken_for_hung(self) -> None:
        story = Story(Child("a", "m:f", hang_s=3)).at(1)
        story.answer("a")
        pid = story.row("a").pid
        for step in range(16):
            story.waited[pid] = step * SECOND // 2
            assert [a for a in story.at(story.now + 0.5).seen if isinstance(a, Kill)] == []
        kills = [a for a in story.at(story.now + 4).seen if isinstance(a, Kill)]
        assert [kill.reason for kill in kills] == ["silent for 3 s"]

    def test_not_even_who_waits_for_a_processor_may_be_silent_for_ever(self) -> None:
        story = Story(Child("a", "m:f", hang_s=3)).at(1)
        story.answer("a")
        began, pid, kills = story.now, story.row("a").pid, []
        while not kills:
            story.waited[pid] = int(story.now * SECOND)
            kills = [a for a in story.at(story.now + 0.5).seen if isinstance(a, Kill)]
        assert 15 <= story.now - began <= 17

    def test_what_was_waited_before_the_silence_does_not_count(self) -> None:
        story = Story(Child("a", "m:f", hang_s=3)).at(1)
        story.answer("a")
        story.waited[story.row("a").pid] = 60 * SECOND
        assert Kill("a", 101, "silent for 3 s") in story.at(5.5).seen

    def test_a_process_of_which_nobody_knows_what_it_waited_is_taken_for_hung(self) -> None:
        story = Story(Child("a", "m:f", hang_s=3)).at(1)
        story.answer("a")
        story.waited[story.row("a").pid] = None
        assert Kill("a", 101, "silent for 3 s") in story.at(5.5).seen

    def test_an_answer_of_the_process_before_does_not_count(self) -> None:
        story = Story(A).at(1)
        story.exit("a")
        story.tree.ponged("a", 101, 1, {"old": True}, 0, WALL)
        assert (story.row("a").state, story.row("a").info) == (State.STARTING, {})

    def test_an_answer_of_an_unknown_child_is_ignored(self) -> None:
        story = Story(A)
        story.tree.ponged("nobody", 1, 1, {}, 0, WALL)
        assert [row.name for row in story.tree.status()] == ["a"]

    def test_a_supervisor_that_slept_does_not_kill_its_children_for_it(self) -> None:
        story = Story(A).at(1)
        story.answer("a")
        story.now += 600
        assert story.at(story.now + 0.5).seen == [Ping("a", 2)]


class TestDrain:
    def test_the_next_stage_begins_when_the_one_before_is_gone(self) -> None:
        story = Story(A, LATER, B)
        assert story.drain() == [Drain("a"), Drain("b")]
        assert story.exit("a", 0) == []
        assert story.exit("b", 0) == [Drain("later")]
        assert story.exit("later", 0) == [Finish(Outcome.DRAINED)]

    def test_again_does_nothing(self) -> None:
        story = Story(A)
        story.drain()
        assert story.drain() == []

    def test_who_is_not_gone_in_time_is_killed(self) -> None:
        story = Story(Child("a", "m:f", shutdown_s=2), LATER)
        story.drain()
        assert [a for a in story.at(1.5).seen if isinstance(a, Kill)] == []
        assert [a for a in story.at(2).seen if isinstance(a, Kill)] == [
            Kill("a", 101 + 1, "not drained after 2 s")
        ]
        assert story.exit("a", -9) == [Drain("later")]
        assert story.exit("later", 0) == [Finish(Outcome.CUT)]

    def test_a_draining_child_is_not_killed_for_silence(self) -> None:
        story = Story(Child("a", "m:f", shutdown_s=60, hang_s=1)).at(1)
        story.answer("a")
        story.drain()
        assert [a for a in story.at(30).seen if isinstance(a, Kill)] == []

    def test_a_child_that_fails_while_draining_is_not_started_again(self) -> None:
        story = Story(A)
        story.drain()
        assert story.exit("a", 70) == [Finish(Outcome.CUT)]

    def test_a_temporary_child_that_is_done_is_not_waited_for(self) -> None:
        story = Story(Child("t", "m:f", restart="temporary"), LATER)
        story.exit("t")
        assert story.drain() == [Drain("later")]

    def test_a_tree_without_living_children_is_drained_at_once(self) -> None:
        story = Story(Child("t", "m:f", restart="temporary"))
        story.exit("t")
        assert story.drain() == [Finish(Outcome.DRAINED)]
        assert story.tree.draining


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        SupervisorSettings.model_validate({"restart_max": 3})
