"""A reconnect storm: the network is gone for half a minute; then all dial in the same second.

The worst kind of charger: no back-off, no dice. Compare with storm_with_backoff.py.
What to look at: CONNECT, and the OCPP answers of those who are back.
"""

from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story, leave


class Charger(OcppUser):
    """It dials again exactly a second after it was refused."""

    simulator = behaviour(backoff=False, reconnect_s_min=1.0, arrival_s_mean=300.0)


class ReconnectStorm(Story):
    """Twice, because the second time finds other states than the first."""

    acts = (
        Act("everybody comes", seconds=120, share=1.0),
        Act("a calm minute", seconds=60),
        Act("the network is gone for 30 s", seconds=90, cues=(leave(30.0),)),
        Act("and again", seconds=90, cues=(leave(30.0),)),
        Act("a calm minute", seconds=60),
    )
