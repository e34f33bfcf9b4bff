"""The first admin's way in: a link that works once, printed while there is no user."""

from csms.config import Config
from csms.prepare import prepare_data
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from storage.relational.sign_ins import Purpose
from supervisor.clock import Clock

LINK = "/ui/link/"


async def prepare_node(config: Config) -> str:
    """Make a data directory ready; return the path of the first admin's link, made anew.

    Empty when there is a user already.

    Raises:
        ConfigError: the data directory cannot be used.
        Unavailable: the database is away.
    """
    await prepare_data(config)
    engine = open_engine(config.database_url, config.relational)
    try:
        registry = Registry(engine, Clock().now_us)
        if await registry.users.exist():
            return ""
        secret = await registry.links.make(
            Purpose.first_admin, config.sign_in.link_s, created_by="first run"
        )
    finally:
        await engine.dispose()
    return LINK + secret
