"""The Thespian actor of one site: feeds the machine and runs its effects on a house."""

from collections.abc import Callable, Mapping
from typing import Protocol

from thespian.actors import Actor

from actors.site.control import ControlSettings
from actors.site.effects import Doubted, SetLimit, Shared, Trusted, Wake
from actors.site.machine import HANDLERS, handle
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


class SiteActor(Actor):  # type: ignore[misc]  # thespian has no types
    """One site. A crash loses what it knows; the house introduces the chargers again."""

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
        first_number: int,
    ) -> None:
        super().__init__()
        self.site = site
        self.state = SiteState(settings, control)
        # Answers to orders of an earlier instance must not be taken for answers to ours.
        self.state.last_number = first_number
        self.house = house
        self.now_us = now_us

    def receiveMessage(self, message: object, sender: object) -> None:
        """Handle one message; runs its effects in order."""
        del sender
        if type(message) not in HANDLERS:
            return  # Thespian's own: exit requests, poison
        for effect in handle(self.state, message, self.now_us()):  # type: ignore[arg-type]
            RUN[type(effect)](self.house, self.site, effect)

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
