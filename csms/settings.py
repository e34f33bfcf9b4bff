"""What every process of a node is given."""

from dataclasses import dataclass

from csms.config import Config


@dataclass(frozen=True)
class ProcessSettings:
    """`config` is the whole one: each process reads its own sections. `secret`: 32 bytes."""

    config: Config
    secret: bytes
    gateways: tuple[str, ...]
