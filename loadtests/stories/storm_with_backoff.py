"""A reconnect storm of chargers that behave: waits double and are spread by dice.

What to look at: the same as in reconnect_storm.py; the difference is what back-off is worth.
"""

from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story, leave


class Charger(OcppUser):
    """Waits of 1 to 30 s."""

    simulator = behaviour(reconnect_s_min=1.0, reconnect_s_max=30.0, arrival_s_mean=300.0)


class StormWithBackoff(Story):
    """Everybody loses the connection at once; who comes back when is up to the dice."""

    acts = (
        Act("everybody comes", seconds=120, share=1.0),
        Act("a calm minute", seconds=60),
        Act("the connections are reset", seconds=90, cues=(leave(0.0),)),
        Act("the network is gone for 30 s", seconds=90, cues=(leave(30.0),)),
        Act("a calm minute", seconds=60),
    )
