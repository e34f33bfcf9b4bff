"""What the routes work with."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from csms.api.backplane import Backplane
from csms.api.recent import RecentCommands
from csms.api.settings import ApiSettings
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
    charger_urls: str
    """What comes before a charger's identity in its URL."""
    recent: RecentCommands = field(default_factory=RecentCommands)

    def url_of(self, charger: str) -> str:
        """Return the URL that a charger connects to."""
        return self.charger_urls + quote(charger, safe="")


def services_of(request: Request) -> Services:
    """Return the services of the application that serves `request`."""
    services: Services = request.app.state.services
    return services
