"""A rolling restart: tenth by tenth the chargers lose their connection and come back.

With --restart-command the server is restarted as well, in the middle. Nothing that was
acknowledged may be lost.
"""

from loadtests.cast import OcppUser, behaviour
from loadtests.story import Act, Story, leave, restart

TENTHS = 10


class Charger(OcppUser):
    """Busy ones."""

    simulator = behaviour(arrival_s_mean=60.0, session_s_mean=300.0, meter_interval_s=15.0)


class RollingRestart(Story):
    """Ten tenths, then the server."""

    acts = (
        Act("everybody comes", seconds=60, share=1.0),
        *(
            Act(f"tenth {part + 1}", seconds=10, cues=(leave(2.0, 0.1, part, politely=True),))
            for part in range(TENTHS)
        ),
        Act("the server is restarted", seconds=90, cues=(restart(),)),
        Act("a calm minute", seconds=60),
    )
