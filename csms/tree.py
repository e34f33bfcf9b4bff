"""The processes of a node, as data.

Started from the highest stage to the lowest, drained from the lowest to the highest: gateways stop
talking to chargers first, then what reads their journals catches up, the REST interface goes last.
"""

from collections.abc import Sequence

from csms.config import Config
from csms.planner.process import check_extra
from csms.settings import ProcessSettings
from supervisor.child import Child

DRAIN_GRACE_S = 15.0
"""For what is left after the last close: the journal's last commit, and a busy machine."""


def gateway_names(config: Config) -> tuple[str, ...]:
    """Return the names of the gateway processes, gw0 and on."""
    return tuple(f"gw{number}" for number in range(config.listen.gateways))


def drain_s(config: Config) -> float:
    """Return how long a gateway may take to drain: every connection closed at the set rate."""
    gateway = config.gateway
    return gateway.connections_max / gateway.close_per_s + DRAIN_GRACE_S


def node_tree(config: Config, secret: bytes) -> Sequence[Child]:
    """Return the rows of a node's processes.

    Args:
        config: the whole one.
        secret: the installation's 32 bytes.

    Raises:
        ConfigError: the planner is switched on and its extra is missing.
    """
    gateways = gateway_names(config)
    if config.planner.enabled:
        check_extra()
    settings = ProcessSettings(config, secret, gateways)
    return (
        *(
            Child(
                name,
                "csms.gateway.process:run",
                stage=0,
                shutdown_s=drain_s(config),
                hang_s=2.5,
                settings=settings,
            )
            for name in gateways
        ),
        Child(
            "ledger", "csms.ledger:run", stage=1, shutdown_s=15.0, hang_s=10.0, settings=settings
        ),
        Child(
            "warehouse",
            "csms.warehouse:run",
            stage=1,
            shutdown_s=30.0,
            hang_s=15.0,
            start_s=60.0,
            settings=settings,
        ),
        *(
            [
                Child(
                    "planner",
                    "csms.planner.process:run",
                    stage=1,
                    shutdown_s=config.plan.solve_s_max + 5.0,
                    hang_s=config.plan.solve_s_max + 10.0,
                    settings=settings,
                )
            ]
            if config.planner.enabled
            else []
        ),
        Child(
            "operations",
            "csms.operations.process:run",
            stage=1,
            shutdown_s=15.0,
            hang_s=10.0,
            settings=settings,
        ),
        Child(
            "api", "csms.api.process:run", stage=2, shutdown_s=10.0, hang_s=10.0, settings=settings
        ),
    )
