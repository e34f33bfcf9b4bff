import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor import signing
from supervisor.signing import NotHardenedError, SignedPickle, UnsignedFrameError
from supervisor.sweep import members, sweep
from tests.supervisor.tree.attack import attack, listening
from tests.supervisor.tree.harness import ROOT

KEY, OTHER = b"k" * 32, b"o" * 32

# A Thespian system with one actor; prints the admin's session and waits to be killed.
SYSTEM = """
import os, sys
from datetime import timedelta
from thespian.actors import Actor, ActorSystem
if sys.argv[1] == "hardened":
    from supervisor.signing import harden
    harden()
class Session(Actor):
    def receiveMessage(self, message, sender):
        self.send(sender, os.getsid(0))
if __name__ == "__main__":
    system = ActorSystem("multiprocTCPBase", {"Admin Port": int(sys.argv[2])}, transientUnique=True)
    session = system.ask(system.createActor(Session), "session", timedelta(seconds=10))
    print(session, flush=True)
    sys.stdin.read()
"""


def test_what_was_signed_is_read() -> None:
    signed = SignedPickle(KEY)
    assert signed.loads(signed.dumps({"a": [1]})) == {"a": [1]}
    assert signed.loads(bytearray(signed.dumps(1))) == 1


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"x" * 31,
        pickle.dumps("plain"),
        b"\0" * 32 + pickle.dumps("zeros"),
        SignedPickle(OTHER).dumps("another tree's"),
        SignedPickle(KEY).dumps("changed") + b".",
    ],
)
def test_anything_else_is_not_unpickled(frame: bytes) -> None:
    with pytest.raises(UnsignedFrameError):
        SignedPickle(KEY).loads(frame)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        SignedPickle(b"short")


def test_another_thespian_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "THESPIAN_VERSION", "4.0.0")
    with pytest.raises(NotHardenedError, match=r"patches are for 4\.0\.0"):
        signing.harden(KEY)


def test_a_thespian_without_the_patched_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "TCPTransport", object())
    with pytest.raises(NotHardenedError, match="has no serializer"):
        signing.sign_frames(KEY)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "executed"), [("plain", True), ("hardened", False)])
def test_the_attack_runs_code_in_a_plain_system_and_not_in_a_hardened_one(
    tmp_path: Path, unused_tcp_port: int, mode: str, executed: bool
) -> None:
    script = tmp_path / "system.py"
    script.write_text(SYSTEM)
    process = subprocess.Popen(
        [sys.executable, str(script), mode, str(unused_tcp_port)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "THESPLOG_FILE": str(tmp_path / "thespian.log")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    session = int(process.stdout.readline())
    try:
        ports = {port for _, port in listening(members(session))}
        assert len(ports) >= 3  # admin, logger, actor, and what the admin inherited
        trace = tmp_path / "executed"
        for port in ports:
            attack(("127.0.0.1", port), trace)
        assert trace.exists() is executed
    finally:
        sweep(lambda: members(session))
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
