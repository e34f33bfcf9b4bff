import asyncio
import socket
from pathlib import Path

from csms.config import load_config
from csms.doctor import (
    check_data,
    check_database,
    check_journals,
    check_node,
)
from csms.prepare import prepare_data


def test_a_new_installation_lacks_what_the_first_start_makes(tmp_path: Path) -> None:
    config = load_config(data=tmp_path / "new", environ={})
    assert not next(check_data(config)).good
    assert not next(check_database(config)).good
    assert list(check_journals(config)) == []


def test_a_prepared_installation_is_well(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={}, overrides={"listen.port": 0, "api.port": 0})
    asyncio.run(prepare_data(config))
    for check in (check_data, check_database, check_journals, check_node):
        assert all(finding.good for finding in check(config)), check


def test_a_database_of_an_older_version_is_told(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={})
    (tmp_path / "csms.db").touch()
    (finding,) = check_database(config)
    assert (finding.good, finding.what) == (False, "database")


def test_a_broken_journal_is_told_and_kept(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={})
    config.paths.journal.mkdir()
    path = config.paths.journal / "gw0.db"
    path.write_bytes(b"this is no database" * 100)
    (finding,) = check_journals(config)
    assert not finding.good
    assert path.exists()


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = load_config(data=tmp_path, environ={}, overrides={"listen.port": port})
        findings = {finding.what: finding for finding in check_node(config)}
    assert not findings[f"port {port}"].good
