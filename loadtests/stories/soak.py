"""A soak: everyday use for a day. What grows, leaks.

What to look at: the memory of the server, and p99 in the first and in the last hour.
"""

from loadtests.cast import ApiUser, OcppUser, behaviour
from loadtests.story import Act, Story


class Charger(OcppUser):
    """A mixed fleet that is used as chargers are."""

    models = ("exemplary", "frugal", "roadside", "wordy")
    simulator = behaviour(arrival_s_mean=3_600.0, session_s_mean=2_700.0, meter_interval_s=60.0)


class Operator(ApiUser):
    """Somebody looks now and then."""

    fixed_count = 1


class Soak(Story):
    """A day."""

    acts = (
        Act("everybody comes", seconds=600, share=1.0),
        Act("the day", seconds=86_400),
    )
