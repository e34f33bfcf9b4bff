"""Making a data directory ready: folders, secret, database."""

from csms.config import Config
from csms.secret import installation_secret
from domain.errors import ConfigError
from storage.relational.migrations import upgrade

OWNER_ONLY = 0o700


async def prepare_data(config: Config) -> bytes:
    """Make what is missing of the data directory, migrate the database, return the secret.

    Raises:
        ConfigError: a folder cannot be made, or the secret is readable by others.
        Unavailable: the database is away.
    """
    make_folders(config)
    secret = installation_secret(config.paths.secret)
    await upgrade(config.database_url)
    return secret


def make_folders(config: Config) -> None:
    """Make every folder that is missing, for the owner only.

    Raises:
        ConfigError: one cannot be made.
    """
    for folder in config.paths.folders:
        try:
            folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError([f"data: {folder} cannot be made: {error.strerror}"]) from error
