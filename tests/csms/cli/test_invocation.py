import subprocess
import sys
from pathlib import Path

import pytest

from csms.cli.invocation import own_command


def installed(folder: Path) -> Path:
    script = folder / "csms"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    return script


@pytest.mark.parametrize("called", [".venv/bin/csms", "{folder}/.venv/bin/csms"])
def test_a_script_below_the_folder_is_named_from_there(tmp_path: Path, called: str) -> None:
    installed(tmp_path / ".venv" / "bin")
    called = called.format(folder=tmp_path)
    assert own_command(called, "/usr/bin/python3", tmp_path) == ".venv/bin/csms"


def test_a_script_elsewhere_is_named_in_full_and_quoted(tmp_path: Path) -> None:
    script = installed(tmp_path / "my tools")
    here = tmp_path / "here"
    here.mkdir()
    assert own_command(str(script), "/usr/bin/python3", here) == f"'{script}'"


def test_a_module_is_called_as_one(tmp_path: Path) -> None:
    python = str(tmp_path / ".venv" / "bin" / "python")
    called = str(tmp_path / "csms" / "__main__.py")
    assert own_command(called, python, tmp_path) == ".venv/bin/python -m csms"


def test_the_command_works_in_a_shell_without_an_activated_environment() -> None:
    command = own_command("csms/__main__.py", sys.executable, Path.cwd())
    environment = {"PATH": "/usr/bin:/bin"}
    found = subprocess.run(
        ["/bin/sh", "-c", f"{command} --help"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert "simulate" in found.stdout, found.stderr
