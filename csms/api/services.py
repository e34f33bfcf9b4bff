"""What the routes work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from csms.api.auth import Authenticator
from csms.api.backplane import Backplane
from csms.api.desk import SignInDesk
from csms.api.hub import Hub
from csms.api.recent import RecentCommands
from csms.api.sessions import Sessions
from csms.api.settings import ApiSettings
from csms.api.shared import Shared
from csms.api.sign_in_settings import SignInSettings
from csms.api.whereabouts import Whereabouts
from csms.files.settings import FilesSettings
from csms.oidc.provider import Provider
from csms.security.settings import SecuritySettings
from domain.errors import InvalidInput, NotFound
from domain.records import ChargerRecord
from storage.file_store import FileStore
from storage.relational.registry import Registry
from supervisor.clock import Clock


@dataclass(frozen=True)
class Services:
    """Made once by `process.run`; `request.app.state.services`."""

    settings: ApiSettings
    clock: Clock
    engine: AsyncEngine
    registry: Registry
    backplane: Backplane
    run_dir: Path
    charger_urls: Mapping[int, str]
    """Security profile -> what comes before a charger's identity in its URL."""
    hub: Hub
    authenticator: Authenticator
    sessions: Sessions
    desk: SignInDesk
    sign_in: SignInSettings
    oidc: Provider | None
    """Vouches for users; None: nobody does."""
    job_chargers_max: int
    webhook_private: tuple[str, ...]
    follow_s: int
    """How long an accepted command is watched for what follows from it."""
    power: Shared
    """Answers to who asks for the power of now."""
    whereabouts: Whereabouts
    """Chargers that had commands."""
    recent: RecentCommands = field(default_factory=RecentCommands)
    lists_on_their_way: set[str] = field(default_factory=set)
    """Chargers whose local list is being changed: one update at a time."""
    security: SecuritySettings = field(default_factory=SecuritySettings)
    files: FilesSettings = field(default_factory=FilesSettings)
    file_store: FileStore = field(default_factory=lambda: FileStore(Path("files")))
    api_url: str = ""
    """How chargers reach this process when `files.public_url` does not say it."""
    pki: Path | None = None
    """Folder of the built-in authority."""

    def url_of(self, charger: str, profile: int = 1) -> str:
        """Return the URL that a charger of a security profile connects to."""
        base = self.charger_urls.get(profile, self.charger_urls[1])
        return base + quote(charger, safe="")

    def forget(self) -> None:
        """Look keys and sessions up anew: one may have ended, or its owner may do less."""
        self.authenticator.forget()
        self.sessions.forget()

    def builtin_root(self) -> str:
        """Return the root of the built-in authority, PEM.

        Raises:
            InvalidInput: there is none.
        """
        path = self.pki / "root.pem" if self.pki else None
        if path is None or not path.exists():
            raise InvalidInput("certificate", "must be given: there is no built-in authority")
        return path.read_text()

    async def charger(self, charger: str) -> ChargerRecord:
        """Return a charger's record, also of one that was enrolled a moment ago.

        Raises:
            NotFound: there is none.
        """
        try:
            return await self.registry.get_charger(charger)
        except NotFound:
            # Its enrolment is in a gateway's journal, and perhaps not read yet.
            presence = await self.backplane.presence([charger])
            if charger not in presence.chargers or not await self.backplane.caught_up(charger):
                raise
        return await self.registry.get_charger(charger)


def services_of(request: Request) -> Services:
    """Return the services of the application that serves `request`."""
    services: Services = request.app.state.services
    return services
