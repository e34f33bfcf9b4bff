"""A ramp: from nobody to everybody, and then they stay.

What to look at: at which number of chargers the answers become slow.
"""

from loadtests.cast import ApiUser, OcppUser, behaviour
from loadtests.story import Act, Story


class Charger(OcppUser):
    """Drivers come every few minutes."""

    simulator = behaviour(arrival_s_mean=300.0, session_s_mean=900.0, meter_interval_s=60.0)


class Operator(ApiUser):
    """Somebody looks at the lists meanwhile."""

    fixed_count = 1


class Ramp(Story):
    """Half an hour up, ten minutes at the top."""

    acts = (
        Act("everybody comes", seconds=1_800, share=1.0),
        Act("everybody is there", seconds=600),
    )
