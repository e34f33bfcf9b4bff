from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from csms.cli import app
from domain.records import ChargerRecord
from storage.relational.credentials import verify
from storage.relational.registry import Registry

runner = CliRunner()


def csms(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


def record(data: Path, charger: str) -> ChargerRecord:
    from csms.cli.store import with_registry

    async def get(registry: Registry) -> ChargerRecord:
        return await registry.get_charger(charger)

    return with_registry(data, None, get)


def test_a_key_is_printed_alone(tmp_path: Path) -> None:
    result = csms("key", "create", "--data", str(tmp_path), "--role", "admin")
    assert result.exit_code == 0
    assert result.stdout.strip().startswith("csms_")
    assert len(result.stdout.split()) == 1


def test_a_charger_is_added_with_a_generated_password(tmp_path: Path) -> None:
    result = csms("charger", "add", "CP1", "--data", str(tmp_path))
    assert result.exit_code == 0
    words = result.stdout.split()
    assert words[words.index("url") + 1] == "ws://127.0.0.1:8887/ocpp/CP1"
    credential = record(tmp_path, "CP1").credential
    assert credential is not None
    assert verify(credential, words[words.index("password") + 1].encode())


def test_a_chosen_password_is_kept_and_not_printed(tmp_path: Path) -> None:
    secret = "correct horse battery"
    result = csms("charger", "add", "CP1", "--data", str(tmp_path), "--password", secret)
    assert result.exit_code == 0
    assert secret not in result.output
    credential = record(tmp_path, "CP1").credential
    assert credential is not None
    assert verify(credential, secret.encode())


def test_a_short_password_is_taken_with_a_warning(tmp_path: Path) -> None:
    result = csms("charger", "add", "CP1", "--data", str(tmp_path), "--password", "short")
    assert result.exit_code == 0
    assert "the password is short" in result.output


def test_a_password_that_is_too_long_adds_nothing(tmp_path: Path) -> None:
    result = csms("charger", "add", "CP1", "--data", str(tmp_path), "--password", "x" * 65)
    assert result.exit_code == 2
    assert "password: must have 1 to 64 bytes" in result.output
    assert csms("charger", "list", "--data", str(tmp_path)).stdout.count("CP1") == 0


def test_the_same_charger_twice_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    csms("charger", "add", "CP1", "--data", str(tmp_path))
    result = csms("charger", "add", "CP1", "--data", str(tmp_path))
    assert result.exit_code == 2
    assert result.output.strip() == "csms: id: 'CP1' exists already"


def test_a_charger_that_does_not_exist_has_its_own_exit_code(tmp_path: Path) -> None:
    result = csms("charger", "remove", "NOBODY", "--data", str(tmp_path))
    assert result.exit_code == 4
    assert "NOBODY" in result.output


def test_a_charger_that_nobody_could_let_in_is_not_added(tmp_path: Path) -> None:
    add = ("charger", "add", "OLD1", "--data", str(tmp_path), "--security-profile", "0")
    result = csms(*add)
    assert result.exit_code == 2
    assert "networks: profile 0 needs at least one network" in result.output
    assert csms(*add, "--network", "10.0.0.0/8").exit_code == 0


def test_tokens_have_a_limit_of_concurrent_transactions(tmp_path: Path) -> None:
    for tag, *options in (("ONE",), ("MANY", "--max-active", "0")):
        assert csms("token", "add", tag, "--data", str(tmp_path), *options).exit_code == 0
    lines = csms("token", "list", "--data", str(tmp_path)).stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["MANY", "Accepted", "0"],
        ["ONE", "Accepted", "1"],
    ]


def test_sites_hold_chargers(tmp_path: Path) -> None:
    assert csms("site", "add", "berlin", "--data", str(tmp_path)).exit_code == 0
    result = csms("charger", "add", "CP1", "--data", str(tmp_path), "--site", "nowhere")
    assert (result.exit_code, "site" in result.output) == (2, True)
    result = csms("charger", "add", "CP1", "--data", str(tmp_path), "--site", "berlin")
    assert result.exit_code == 0


def test_a_revoked_key_is_listed_as_revoked(tmp_path: Path) -> None:
    csms("key", "create", "--data", str(tmp_path), "--role", "viewer", "--name", "grafana")
    row = csms("key", "list", "--data", str(tmp_path)).stdout.splitlines()[1].split()
    assert csms("key", "revoke", row[0], "--data", str(tmp_path)).exit_code == 0
    again = csms("key", "list", "--data", str(tmp_path)).stdout.splitlines()[1].split()
    assert len(again) == len(row) + 1


def test_the_effective_configuration_is_shown_without_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_RELATIONAL__URL", "postgresql://csms:hunter2@db/csms")
    result = csms("config", "show", "--data", str(tmp_path))
    assert result.exit_code == 0
    assert 'url = "postgresql://csms:***@db/csms"' in result.stdout


def test_every_problem_of_the_configuration_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_API__PORT", "70000")
    monkeypatch.setenv("CSMS_LISTEN__GATEWAYS", "0")
    result = csms("config", "show", "--data", str(tmp_path))
    assert result.exit_code == 2
    lines = result.output.strip().splitlines()
    assert [line.split(":")[0] for line in lines] == ["csms", "csms"]


def test_the_database_is_upgraded(tmp_path: Path) -> None:
    from storage.relational.migrations import newest

    result = csms("db", "upgrade", "--data", str(tmp_path))
    assert result.stdout.strip() == newest()


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    result = csms("serve", "--data", str(tmp_path), "--listen", "here")
    assert result.exit_code == 2
    assert "HOST:PORT" in result.output


def test_a_foreign_network_must_be_said_twice(tmp_path: Path) -> None:
    result = csms("serve", "--data", str(tmp_path), "--accept-unknown", "10.0.0.0/8")
    assert result.exit_code == 2
    assert "say it twice" in result.output


def test_text_from_chargers_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from csms.cli.show import table

    table(("vendor",), [["\x1b[31mred[bold]"]])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "[bold]" in printed
