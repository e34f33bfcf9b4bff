"""Mixed models: every model with its quirks at the same time.

What to look at: nobody is refused, and the accounts are even: quirks are tolerated, not dropped.
"""

from csms.simulator.models import MODELS_16
from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story


class Charger(OcppUser):
    """All models by turns."""

    models = MODELS_16
    simulator = behaviour(arrival_s_mean=30.0, session_s_mean=120.0, meter_interval_s=10.0)


class MixedModels(Story):
    """Ten minutes."""

    acts = (
        Act("everybody comes", seconds=60, share=1.0),
        Act("everybody is there", seconds=600),
    )
