import subprocess
import sys

from tests.supervisor.tree.harness import ROOT

# In a process of its own: the patch is for the life of the process.
SCRIPT = """
from thespian.system.transport.IPBase import TCPv4ActorAddress
before = TCPv4ActorAddress(None, 1900, external=True).bindname
from supervisor.loopback import bind_to_loopback
bind_to_loopback()
once = TCPv4ActorAddress.__init__
bind_to_loopback()
for external in (True, ("8.8.8.8", 80), "192.0.2.1", False):
    address = TCPv4ActorAddress("192.0.2.7", 1900, external=external)
    assert address.bindname == address.sockname == ("127.0.0.1", 1900), address.__dict__
assert TCPv4ActorAddress.__init__ is once
assert before[0] == "", before
"""


def test_every_address_is_on_loopback_whatever_was_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
