"""When a node has started: once the processes that others talk to accept what comes.

Their listening sockets are open long before that, so a connection made too early is not refused
but waits for seconds. So addresses are told when nobody has to wait.
"""

from collections.abc import Callable, Sequence

from supervisor.child import State, TreeStatus

ANSWERS = {"refusing": ""}
"""What a process reports that refuses nobody."""
US_PER_S = 1_000_000


def not_serving(status: TreeStatus | None, names: Sequence[str]) -> tuple[str, ...]:
    """Return which of some processes do not serve yet."""
    serving = {
        child.name
        for child in (status.children if status is not None else ())
        if child.state == State.RUNNING and child.info.get("refusing") == ANSWERS["refusing"]
    }
    return tuple(name for name in names if name not in serving)


class Opening:
    """Tells once that a node has started, or what of it has not after a while.

    Args:
        status: returns the table of children.
        names: of those that must serve.
        tell: is given the names of those that do not.
        wait_s: for how long it waits for them.
        now_us: returns the time.
    """

    def __init__(
        self,
        status: Callable[[], TreeStatus | None],
        names: Sequence[str],
        tell: Callable[[tuple[str, ...]], None],
        wait_s: float,
        now_us: Callable[[], int],
    ) -> None:
        self._status = status
        self._names = names
        self._tell = tell
        self._now_us = now_us
        self._until_us = now_us() + round(wait_s * US_PER_S)
        self._told = False

    def look(self) -> None:
        """Look whether it is so far."""
        if self._told:
            return
        late = not_serving(self._status(), self._names)
        if not late or self._now_us() >= self._until_us:
            self._told = True
            self._tell(late)
