"""Who plays in a story. Importing it connects the options, the gauges and the verdict to Locust."""

from collections.abc import Mapping
from typing import Any

from loadtests import curtain
from loadtests.api import ApiUser
from loadtests.chargers import OcppUser

__all__ = ["ApiUser", "OcppUser", "behaviour", "curtain"]


def behaviour(**different: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any setting
    """Return what is different from the usual settings of the simulator, by name."""
    return different
