"""A firmware wave: everybody gets new firmware, reports its progress, and reboots.

Needs --api and --api-key of csms: the commands are sent over its REST interface.
"""

from loadtests.cast import ApiUser, OcppUser, behaviour
from loadtests.story import Act, Story, firmware


class Charger(OcppUser):
    """Rarely used ones: it is night."""

    simulator = behaviour(arrival_s_mean=3_600.0)


class Fitter(ApiUser):
    """Sends the firmware."""

    fixed_count = 1


class FirmwareWave(Story):
    """One wave."""

    acts = (
        Act("everybody comes", seconds=120, share=1.0),
        Act("the wave", seconds=600, cues=(firmware(),)),
    )
