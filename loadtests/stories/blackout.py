"""A blackout: a third of the chargers is gone for ten minutes, with their cars still plugged in.

What they metered meanwhile is told when they are back: a flood of old messages, in order.
"""

from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story, leave


class Charger(OcppUser):
    """Nearly always charging."""

    simulator = behaviour(arrival_s_mean=20.0, session_s_mean=1_800.0, meter_interval_s=15.0)


class Blackout(Story):
    """The others must not notice."""

    acts = (
        Act("everybody comes", seconds=120, share=1.0),
        Act("they charge", seconds=120),
        Act("a third is dark", seconds=600, cues=(leave(600.0, 1 / 3),)),
        Act("they are back and tell", seconds=180),
    )
