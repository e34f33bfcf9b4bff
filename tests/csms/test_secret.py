import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from csms.secret import SECRET_BYTES, installation_secret
from domain.errors import ConfigError


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    secret = installation_secret(path)
    assert len(secret) == 32
    assert installation_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    installation_secret(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        installation_secret(path)


def test_a_secret_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    with pytest.raises(ConfigError, match="32 bytes"):
        installation_secret(path)


def test_a_start_that_is_killed_leaves_no_half_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    killed = """
import os, signal, sys
from pathlib import Path
from csms import secret
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
secret.installation_secret(Path(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(installation_secret(path)) == SECRET_BYTES
