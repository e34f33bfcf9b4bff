import re

import pytest

from supervisor import boot
from supervisor.boot import ExitCode, NodeSettings
from supervisor.child import Child
from supervisor.logs import LogSettings
from supervisor.strategy import SupervisorSettings
from tests.supervisor.tree.harness import ROOT

README = (ROOT / "supervisor/README.md").read_text()


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    line = f"| {code.value} | {code.name} |"
    assert line in README
    assert boot.__doc__ is not None
    assert line in boot.__doc__


@pytest.mark.parametrize("settings", [SupervisorSettings, NodeSettings, LogSettings])
def test_every_setting_is_documented_with_its_default(
    settings: type[SupervisorSettings | NodeSettings | LogSettings],
) -> None:
    for name, field in settings.model_fields.items():
        if name in ("supervisor", "log"):
            continue
        default = field.default
        shown = f"{default:g}" if isinstance(default, float) else str(default or "none")
        assert f"| `{settings.__name__}.{name}` | {shown} |" in README


def test_the_limits_of_a_child_are_documented_with_their_defaults() -> None:
    child = Child("a", "m:f")
    for name in ("shutdown_s", "hang_s", "start_s"):
        assert f"| `Child.{name}` | {getattr(child, name):g} |" in README


def test_no_setting_is_documented_that_does_not_exist() -> None:
    classes = {c.__name__: c for c in (SupervisorSettings, NodeSettings, LogSettings)}
    for owner, name in re.findall(r"\| `(\w+Settings)\.(\w+)` \|", README):
        assert name in classes[owner].model_fields
