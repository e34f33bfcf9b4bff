"""What the command line of schemathesis is told of a running node: loaded by it, not by pytest."""

import json
import os
from typing import Any

import schemathesis

NAMES: dict[str, str] = json.loads(os.environ["CSMS_TEST_NAMES"])
"""Things that there are, by the name of their parameter."""
WAIT_S_MAX = 0.05


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Speak of things that there are, half of the time; never remove those."""
    if not path_parameters or context.operation.method.lower() == "delete":
        return path_parameters
    return {
        name: NAMES[name] if name in NAMES and len(str(value)) % 2 else value
        for name, value in path_parameters.items()
    }


@schemathesis.hook
def map_query(_context: Any, query: dict[str, Any]) -> dict[str, Any]:
    """Nobody waits as long as he may."""
    wait = (query or {}).get("wait")
    if isinstance(wait, int | float) and wait > WAIT_S_MAX:
        return query | {"wait": WAIT_S_MAX}
    return query
