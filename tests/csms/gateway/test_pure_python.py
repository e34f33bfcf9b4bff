"""A wheel of websockets without its C extension must do."""

import subprocess
import sys

WITHOUT_SPEEDUPS = """
import sys
sys.modules["websockets.speedups"] = None  # importing it raises ImportError
from csms.gateway.connection import apply_mask
masked = apply_mask(b"[2,\\"1\\"]", b"mask")
assert apply_mask(masked, b"mask") == b"[2,\\"1\\"]" != masked
print(apply_mask.__module__)
"""


def test_frames_are_unmasked_without_the_c_extension_of_websockets() -> None:
    command = [sys.executable, "-c", WITHOUT_SPEEDUPS]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (found.stdout, found.stderr) == ("websockets.utils\n", "")
