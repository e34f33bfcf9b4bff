"""The garbage collector of a process with tens of thousands of long-lived objects.

Reference counting frees what messages leave behind; only connections that have ended leave cycles
(the parser of websockets is a generator that holds its owner). So the collector is asked seldom,
and not to look again and again at what was imported: with Python's own thresholds it took a tenth
of the CPU of a reconnect storm.
"""

import gc

YOUNG_MAX = 20_000
"""New containers from which the young ones are looked at: those of some 400 ended connections."""
MIDDLE_MAX, OLD_MAX = 50, 50
"""Looks at the young from which the middle ones are looked at, and of those, the old ones."""


def settle() -> None:
    """Call when everything is imported and built: what is there now is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, MIDDLE_MAX, OLD_MAX)
