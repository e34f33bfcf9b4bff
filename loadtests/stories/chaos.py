"""Chaos: cut messages, half-open sockets, silence, duplicates, wrong clocks, broken frames.

The same seed brings the same faults. Nothing that was acknowledged may be lost.
"""

from csms.simulator.faults import everything
from csms.simulator.models import MODELS_16
from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story, faults


class Charger(OcppUser):
    """All models, each fault once in a hundred messages."""

    models = MODELS_16
    simulator = behaviour(
        arrival_s_mean=20.0,
        session_s_mean=60.0,
        meter_interval_s=5.0,
        reconnect_s_max=10.0,
        faults=everything(0.01),
    )


class Chaos(Story):
    """Five minutes of it, and a calm minute in which everything must be told."""

    acts = (
        Act("everybody comes", seconds=30, share=1.0),
        Act("chaos", seconds=300),
        Act("calm", seconds=60, cues=(faults(on=False),)),
    )
