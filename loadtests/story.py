"""A load shape that is told in acts.

    class Ramp(Story):
        acts = (
            Act("everybody comes", seconds=600, share=1.0),
            Act("a quiet hour", seconds=3_600),
        )

`share` of the chargers (`--users`) is there at the end of an act; in between they come or go
evenly. An act's cues happen when it begins. `--stretch 0.1` makes all acts ten times shorter.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import gevent
from locust import LoadTestShape

from loadtests.stage import Cue, Stage, log, stage_of

if TYPE_CHECKING:
    from locust import User

DEFAULT_USERS = 100


class Act(NamedTuple):
    """A part of a story.

    Attributes:
        name: what happens.
        seconds: how long it takes.
        share: of the chargers that are there at its end, 0 to 1; None: as many as before.
        cues: what happens when it begins.
    """

    name: str
    seconds: float
    share: float | None = None
    cues: tuple[Cue, ...] = ()


def leave(wait_s: float, share: float = 1.0, part: int = 0, *, politely: bool = False) -> Cue:
    """Chargers lose their connection and dial again after `wait_s`."""
    return Cue("leave", share, part, wait_s, politely)


def restart() -> Cue:
    """`--restart-command` is run: whatever restarts a part of the server."""
    return Cue("restart")


def firmware() -> Cue:
    """Every charger gets an UpdateFirmware over REST (see `ApiUser`)."""
    return Cue("firmware")


def faults(*, on: bool) -> Cue:
    """Faults happen from now on, or no longer."""
    return Cue("faults" if on else "calm")


class Story(LoadTestShape):
    """Acts, one after the other."""

    abstract = True
    use_common_options = True
    acts: ClassVar[tuple[Act, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._act = -1

    def reset_time(self) -> None:
        """Begin from the first act."""
        super().reset_time()
        if self._act > 0:  # Locust resets a fresh one once, too: its first cues were played
            self._act = -1

    def _stage(self) -> Stage:
        assert self.runner is not None
        return stage_of(self.runner.environment)

    def tick(self) -> tuple[int, float] | tuple[int, float, list[type[User]] | None] | None:
        """Return how many users there should be now; None: the story has ended."""
        stage = self._stage()
        options = stage.environment.parsed_options
        users = options.num_users or DEFAULT_USERS
        run_s = self.get_run_time()
        begin_s, share = 0.0, 0.0
        for number, act in enumerate(self.acts):
            seconds = act.seconds * stage.options.stretch
            aim = share if act.share is None else act.share
            if run_s < begin_s + seconds:
                self._begin(number, stage)
                now = share + (aim - share) * min(1.0, (run_s - begin_s + 1) / max(1.0, seconds))
                wanted = max(1, round(users * now))
                # The number grows second by second by itself, so there is no second brake.
                return wanted, max(1.0, float(abs(wanted - self.get_current_user_count())))
            begin_s, share = begin_s + seconds, aim
        return None

    def _begin(self, number: int, stage: Stage) -> None:
        while self._act < number:
            self._act += 1
            act = self.acts[self._act]
            log.info("act %d: %s", self._act + 1, act.name)
            for cue in act.cues:
                self._play(cue, stage)

    def _play(self, cue: Cue, stage: Stage) -> None:
        stretch = stage.options.stretch
        if cue.name == "restart":
            command = stage.options.restart_command
            if not command:
                log.warning("no --restart-command: the server is not restarted")
                return
            gevent.spawn(subprocess.run, command, shell=True, check=False)  # noqa: S604 - the user's own
        else:
            stage.cue(Cue(cue.name, cue.share, cue.part, cue.wait_s * stretch, cue.politely))
