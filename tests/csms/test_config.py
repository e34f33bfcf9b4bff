import tomllib
from pathlib import Path

import pytest

from csms.config import Config, load_config, setting_names
from csms.listen import GATEWAYS_MAX
from csms.toml_text import to_toml
from csms.tree import node_tree
from domain.errors import ConfigError
from supervisor.child import CHILDREN_MAX, check_tree


def problems(tmp_path: Path, toml: str = "", environ: dict[str, str] | None = None) -> list[str]:
    file = tmp_path / "csms.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError) as raised:
        load_config(file=file, data=tmp_path, environ=environ or {})
    return raised.value.problems


def test_the_defaults_are_safe() -> None:
    config = load_config(environ={})
    assert (config.listen.host, config.api.host) == ("127.0.0.1", "127.0.0.1")
    assert config.listen.accept_unknown == ()


def test_later_sources_win(tmp_path: Path) -> None:
    (tmp_path / "csms.toml").write_text("[api]\nport = 1001\nhost = '::1'\npage_items = 7\n")
    environ = {"CSMS_API__PORT": "1002", "CSMS_API__HOST": "127.0.0.2"}
    config = load_config(data=tmp_path, environ=environ, overrides={"api.port": 1003})
    assert (config.api.port, config.api.host, config.api.page_items) == (1003, "127.0.0.2", 7)


def test_the_file_and_the_data_directory_can_come_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[listen]\ngateways = 3\n")
    environ = {"CSMS_CONFIG": str(file), "CSMS_DATA": str(tmp_path / "data")}
    config = load_config(environ=environ)
    assert (config.listen.gateways, config.data) == (3, tmp_path / "data")


def test_variables_without_two_underscores_are_left_alone() -> None:
    load_config(environ={"CSMS_PORT": "tcp://10.0.0.1:80", "CSMS_SERVICE_HOST": "10.0.0.1"})


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(data=Path("here"), environ={})
    assert config.paths.database == tmp_path / "here" / "csms.db"
    assert config.database_url == f"sqlite+aiosqlite:///{tmp_path}/here/csms.db"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[api]\nport = 70000", ["api.port", "65535", "70000"]),
        ("[api]\nport = 'x'", ["api.port", "integer", "'x'"]),
        ("[api]\nprot = 1", ["api.prot", "did you mean api.port?"]),
        ("[lisen]\nport = 1", ["lisen", "did you mean listen?", "csms.toml"]),
        ("port = 1", ["port", "did you mean"]),
        ("[listen]\ngateways = 0", ["listen.gateways", "1", "0"]),
        ("[listen]\ngateways = 28", ["listen.gateways", "26", "30 processes", "28"]),
        ("[listen]\naccept_unknown = ['10.0.0.0/8']", ["10.0.0.0/8", "say it twice"]),
        ("[listen]\naccept_unknown = ['nonsense']", ["listen.accept_unknown", "nonsense"]),
        ("[api]\nport = 8887", ["api.port", "differ", "8887"]),
        ("api = 3", ["api"]),
        ("[api", ["is not TOML"]),
    ],
)
def test_a_problem_names_field_rule_and_value(tmp_path: Path, toml: str, said: list[str]) -> None:
    (problem,) = problems(tmp_path, toml)
    for part in said:
        assert part in problem


def test_all_problems_are_told_at_once_with_where_they_came_from(tmp_path: Path) -> None:
    found = problems(tmp_path, "[api]\nport = -1\n", {"CSMS_LISTEN__GATEWAYS": "many"})
    assert len(found) == 2
    assert any("CSMS_LISTEN__GATEWAYS" in line for line in found)
    assert any("csms.toml" in line for line in found)


def test_a_network_that_is_said_twice_is_taken() -> None:
    networks = '["10.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8"]'
    config = load_config(environ={"CSMS_LISTEN__ACCEPT_UNKNOWN": networks})
    assert set(config.listen.accept_unknown) == {"10.0.0.0/8", "127.0.0.0/8"}
    assert Config.model_validate(config.model_dump()) == config


def test_a_path_too_long_for_a_socket_is_told_and_can_be_avoided(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    with pytest.raises(ConfigError, match="107 bytes"):
        load_config(data=deep, environ={})
    config = load_config(data=deep, environ={}, overrides={"run": "/tmp/run"})
    assert config.paths.socket("gw0") == Path("/tmp/run/gw0.sock")


def test_a_value_that_may_hold_a_password_is_not_repeated(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "[relational]\nurl = ['postgresql://u:hunter2@db/csms']")
    assert "relational.url" in problem
    assert "hunter2" not in problem


def test_what_is_shown_is_read_back_the_same(tmp_path: Path) -> None:
    config = load_config(
        data=tmp_path, environ={"CSMS_CHARGER__DATA_TRANSFER": '{"a b" = {"*" = "Accepted"}}'}
    )
    assert Config.model_validate(tomllib.loads(to_toml(config))) == config


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(file=tmp_path / "none.toml", environ={})


def test_every_setting_has_a_description() -> None:
    for name in setting_names():
        model: object = Config
        for part in name.split(".")[:-1]:
            model = model.model_fields[part].annotation  # type: ignore[attr-defined]
        info = model.model_fields[name.split(".")[-1]]  # type: ignore[attr-defined]
        assert info.description, name


def test_a_tree_takes_as_many_gateways_as_can_be_set() -> None:
    config = load_config(environ={}, overrides={"listen.gateways": GATEWAYS_MAX})
    tree = node_tree(config, b"")
    check_tree(tree)
    assert len(tree) == CHILDREN_MAX
