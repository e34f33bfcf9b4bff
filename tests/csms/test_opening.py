from csms.opening import ANSWERS, Opening, not_serving
from supervisor.child import ChildStatus, State, TreeStatus


def child(name: str, state: State = State.RUNNING, **info: object) -> ChildStatus:
    return ChildStatus(name, "module:run", 0, state, 1, 0, None, "", 0, info)


def table(*children: ChildStatus) -> TreeStatus:
    return TreeStatus(0, 1, draining=False, children=children)


def test_a_process_serves_once_it_runs_and_says_that_it_refuses_nobody() -> None:
    names = ("gw0", "gw1", "api")
    assert not_serving(None, names) == names
    starting = table(
        child("gw0", State.STARTING), child("gw1", refusing="starting"), child("api", **ANSWERS)
    )
    assert not_serving(starting, names) == ("gw0", "gw1")
    assert not_serving(table(*(child(name, **ANSWERS) for name in names)), names) == ()


def test_a_start_is_told_once_when_all_serve_or_after_a_while() -> None:
    now_us, status, told = [0], [table()], []

    def opening() -> Opening:
        return Opening(lambda: status[0], ("gw0",), told.append, 10.0, lambda: now_us[0])

    slow = opening()
    slow.look()
    assert told == []
    now_us[0] = 10_000_000
    slow.look()
    slow.look()
    assert told == [("gw0",)]
    quick = opening()
    status[0] = table(child("gw0", **ANSWERS))
    quick.look()
    quick.look()
    assert told == [("gw0",), ()]
