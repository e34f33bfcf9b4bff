"""A morning at work: the night is quiet, between seven and nine everybody plugs in.

What to look at: FLOW, from plug to energy, while starts come together.
"""

from loadtests.cast import ApiUser, OcppUser, behaviour
from loadtests.story import Act, Story


class Charger(OcppUser):
    """A car arrives within minutes, and stays."""

    simulator = behaviour(arrival_s_mean=240.0, session_s_mean=7_200.0, meter_interval_s=60.0)


class Operator(ApiUser):
    """Two people at the help desk."""

    fixed_count = 2


class MorningPeak(Story):
    """The chargers are switched on with the lights of the car park."""

    acts = (
        Act("the first floor is switched on", seconds=300, share=0.2),
        Act("the early ones", seconds=600),
        Act("the gates open", seconds=120, share=1.0),
        Act("everybody plugs in", seconds=1_800),
        Act("the day", seconds=600),
    )
