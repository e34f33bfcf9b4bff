"""Mixed versions: chargers of 1.6, 2.0.1 and 2.1 side by side.

What to look at: the same flows in three versions. A server without 2.x refuses them: CONNECT fails.
"""

from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story


class Charger(OcppUser):
    """A third each."""

    models = ("exemplary", "modern", "newest")
    simulator = behaviour(arrival_s_mean=30.0, session_s_mean=120.0, meter_interval_s=10.0)


class MixedVersions(Story):
    """Ten minutes."""

    acts = (
        Act("everybody comes", seconds=60, share=1.0),
        Act("everybody is there", seconds=600),
    )
