"""`csms user`, and what the command line leaves in the audit log."""

import asyncio
import getpass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from csms.cli import app
from csms.cli.store import with_registry
from csms.config import load_config
from csms.first_run import prepare_node
from storage.relational import passwords, reads
from storage.relational.engine import open_engine
from storage.relational.registry import Registry

PASSWORD = "correct horse battery"


def csms(data: Path, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)], input=said)


def kept(data: Path, login: str) -> Any:
    return with_registry(data, None, lambda registry: registry.users.by_login(login))


def audit(data: Path) -> list[dict[str, Any]]:
    async def read() -> list[dict[str, Any]]:
        engine = open_engine(load_config(data=data).database_url)
        try:
            return list((await reads.page(engine, "audit")).items)
        finally:
            await engine.dispose()

    return asyncio.run(read())


def test_a_user_is_added_and_told_a_link_or_given_a_password(tmp_path: Path) -> None:
    result = csms(tmp_path, "user", "add", "anna", "--role", "admin")
    assert result.exit_code == 0, result.output
    assert "http://127.0.0.1:8880/ui/link/" in result.stdout
    result = csms(tmp_path, "user", "add", "berta", "--role", "viewer", "--password", said=PASSWORD)
    assert result.exit_code == 0, result.output
    assert passwords.verify(kept(tmp_path, "berta")[1], PASSWORD)
    listed = csms(tmp_path, "user", "list").stdout
    assert "anna" in listed
    assert "berta" in listed


def test_a_password_is_changed_and_a_user_disabled_enabled_and_removed(tmp_path: Path) -> None:
    csms(tmp_path, "user", "add", "anna", "--role", "viewer")
    assert csms(tmp_path, "user", "password", "anna", said="short\n").exit_code == 2
    assert csms(tmp_path, "user", "password", "ANNA", said=PASSWORD + "\n").exit_code == 0
    user, word = kept(tmp_path, "anna")
    assert passwords.verify(word, PASSWORD)
    assert not user.disabled
    assert csms(tmp_path, "user", "disable", "anna").exit_code == 0
    assert kept(tmp_path, "anna")[0].disabled
    result = csms(tmp_path, "user", "link", "anna")
    assert (result.exit_code, "disabled" in result.output) == (2, True)
    assert csms(tmp_path, "user", "enable", "anna").exit_code == 0
    assert "/ui/link/" in csms(tmp_path, "user", "link", "anna").stdout
    assert csms(tmp_path, "user", "remove", "anna").exit_code == 0
    assert csms(tmp_path, "user", "remove", "anna").exit_code == 4


def test_the_last_admin_stays(tmp_path: Path) -> None:
    csms(tmp_path, "user", "add", "anna", "--role", "admin", "--password", said=PASSWORD)
    for verb in ("disable", "remove"):
        result = csms(tmp_path, "user", verb, "anna")
        assert result.exit_code == 2
        assert "is the last admin" in result.output


def test_what_the_command_line_changes_is_in_the_audit_log(tmp_path: Path) -> None:
    csms(tmp_path, "site", "add", "berlin")
    csms(tmp_path, "charger", "add", "CP1", "--site", "berlin", "--password", PASSWORD)
    csms(tmp_path, "charger", "list")
    csms(tmp_path, "charger", "remove", "NOBODY")
    csms(tmp_path, "token", "add", "TAG")
    csms(tmp_path, "key", "create", "--role", "viewer", "--name", "grafana")
    csms(tmp_path, "user", "add", "anna", "--role", "admin")
    csms(tmp_path, "pki", "init")
    found = audit(tmp_path)
    assert [(row["action"], row["object"]) for row in reversed(found)] == [
        ("csms site add", "berlin"),
        ("csms charger add", "CP1"),
        ("csms token add", "TAG"),
        ("csms key create", "grafana"),
        ("csms user add", "anna"),
        ("csms pki init", ""),
    ]
    assert {(row["actor_kind"], row["actor"]) for row in found} == {
        ("command_line", getpass.getuser())
    }
    assert PASSWORD not in str(found)


def test_the_first_admins_link_is_made_while_there_is_no_user(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={})

    async def first() -> tuple[str, str, bool]:
        old, new = await prepare_node(config), await prepare_node(config)
        engine = open_engine(config.database_url)
        try:
            links = Registry(engine, lambda: 1).links
            secrets = [path.removeprefix("/ui/link/") for path in (old, new)]
            seen = [await links.look(secret) for secret in secrets]
            await links.use(secrets[1], kept="hash", login="anna")
        finally:
            await engine.dispose()
        return old, await prepare_node(config), seen[0] is None and seen[1] is not None

    old, late, only_new_is_valid = asyncio.run(first())
    assert old.startswith("/ui/link/")
    assert late == ""
    assert only_new_is_valid
