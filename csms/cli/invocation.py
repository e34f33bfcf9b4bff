"""How this program was called, for commands that a person copies from its output."""

import os
import shlex
from pathlib import Path


def own_command(called: str, python: str, folder: Path) -> str:
    """Return a command that starts this program again, in a shell whose folder is `folder`.

    It does not depend on an activated environment, for the other terminal has none. What is below
    the folder is named from there, so that it is short.

    Args:
        called: `sys.argv[0]`.
        python: `sys.executable`.
        folder: the current one.
    """
    script = Path(os.path.abspath(folder / called))  # noqa: PTH100 - keeps symbolic links
    if script.name == "csms" and os.access(script, os.X_OK):
        return _shown(script, folder)
    return f"{_shown(Path(python), folder)} -m csms"


def _shown(path: Path, folder: Path) -> str:
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))
