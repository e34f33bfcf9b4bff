"""The pages: a row each."""

from collections.abc import Sequence

from csms.dashboard.pages import (
    alerts,
    audit,
    charger,
    chargers,
    commands,
    device,
    imports,
    inbox,
    jobs,
    keys,
    messages,
    onboarding,
    overview,
    refusals,
    series,
    sites,
    system,
    tokens,
    transactions,
    uptime,
    users,
    world,
)
from csms.dashboard.pages.page import Page

PAGES: Sequence[Page] = (
    *overview.PAGES,
    *chargers.PAGES,
    *charger.PAGES,
    *device.PAGES,
    *onboarding.PAGES,
    *inbox.PAGES,
    *imports.PAGES,
    *commands.PAGES,
    *alerts.PAGES,
    *jobs.PAGES,
    *messages.PAGES,
    *series.PAGES,
    *world.PAGES,
    *sites.PAGES,
    *transactions.PAGES,
    *uptime.PAGES,
    *refusals.PAGES,
    *tokens.PAGES,
    *users.PAGES,
    *keys.PAGES,
    *audit.PAGES,
    *system.PAGES,
)
