"""The table of commands, and what a short one must not wait for."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from csms.cli import COMMANDS, app

runner = CliRunner()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f"Usage: csms {name}" in result.output


def test_the_version_is_said() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("csms 0.")


def test_a_misspelt_command_is_answered_with_what_was_meant() -> None:
    result = runner.invoke(app, ["serv"])
    assert result.exit_code == 2
    assert "Did you mean 'serve'" in result.output


@pytest.mark.parametrize("module", ["csms.cli", "csms.config"])
def test_what_every_command_needs_does_not_bring_the_heavy_libraries(module: str) -> None:
    look = f"import sys, {module}; print({{'sqlalchemy', 'numpy', 'fastapi', 'chdb'}} & {{*sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
