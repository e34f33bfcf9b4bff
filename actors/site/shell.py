"""The Thespian actor of one site: feeds the machine and runs its effects on a house."""

from collections.abc import Callable, Mapping
from typing import Protocol

from thespian.actors import Actor

from actors.site.control import ControlSettings
from actors.site.effects import Doubted, SetLimit, Shared, Trusted, Wake
from actors.site.machine import HANDLERS, handle_all
from actors.site.messages import Message
from actors.site.settings import SiteSettings
from actors.site.state import SiteState


class House(Protocol):
    """The site's end of the world. Runs effects."""

    def set_limit(self, site: str, effect: SetLimit) -> None:
        """Bring it to the charger, and LimitAnswered back."""

    def shared(self, site: str, effect: Shared) -> None:
        """Show it."""

    def doubted(self, site: str, effect: Doubted) -> None:
        """Show it."""

    def trusted(self, site: str, effect: Trusted) -> None:
        """Show it."""

    def wake(self, site: str, effect: Wake) -> None:
        """Arrange for a Tick."""

    def failed(self, site: str, error: BaseException) -> None:
        """The actor crashed: its chargers must be told to it again."""


class _Heard:
    """Told by an actor to itself, behind all that waits in its mailbox."""


class SiteActor(Actor):  # type: ignore[misc]  # thespian has no types
    """One site. A crash loses what it knows; the house introduces the chargers again.

    To share a large site out takes milliseconds, so it is not done for each message: what waits in
    the mailbox is taken together. Under load the groups grow, and a quiet site answers at once.
    """

    mailbox_limit = 16_384
    max_restarts = 3
    max_seconds = 10.0

    def __init__(
        self,
        site: str,
        settings: SiteSettings,
        control: ControlSettings,
        house: House,
        now_us: Callable[[], int],
        first_number: Callable[[], int],
    ) -> None:
        super().__init__()
        self.site = site
        self.state = SiteState(settings, control)
        # Answers to orders of an earlier instance must not be taken for answers to ours.
        self.state.last_number = first_number()
        self.house = house
        self.now_us = now_us
        self.heard: list[Message] = []

    def receiveMessage(self, message: object, sender: object) -> None:
        """Take a message; those that came together are handled together, effects in order."""
        del sender
        if type(message) in HANDLERS:
            if not self.heard:
                self.send(self.myAddress, _Heard())
            self.heard.append(message)  # type: ignore[arg-type]
        elif isinstance(message, _Heard):
            heard, self.heard = self.heard, []
            for effect in handle_all(self.state, heard, self.now_us()):
                RUN[type(effect)](self.house, self.site, effect)
        # Else Thespian's own: exit requests, poison.

    def onFailure(self, error: BaseException) -> None:
        """Runs on the dying instance, before the fresh one takes over."""
        self.house.failed(self.site, error)


RUN: Mapping[type, Callable[..., None]] = {
    SetLimit: lambda house, site, effect: house.set_limit(site, effect),
    Shared: lambda house, site, effect: house.shared(site, effect),
    Doubted: lambda house, site, effect: house.doubted(site, effect),
    Trusted: lambda house, site, effect: house.trusted(site, effect),
    Wake: lambda house, site, effect: house.wake(site, effect),
}
