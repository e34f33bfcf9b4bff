"""A site's model, capacity and prices from files."""

import json
from pathlib import Path

import pytest

from csms.cli.store import with_registry
from domain.records import SiteRecord
from storage.relational.registry import Registry
from tests.csms.cli.test_commands import csms

TOML = """
id = "depot"
[[circuits]]
id = "grid"
limit_a = 125
kind = "contract"
[[circuits]]
id = "row"
parent = "grid"
limit_a = [63, 63, 40]
derating = 0.8
unmanaged_a = [5, 5, 5]
[[places]]
id = "CP1/1"
charger = "CP1"
evse = 1
circuit = "row"
rotation = "STR"
[[places]]
id = "DC/1"
charger = "DC"
evse = 1
circuit = "grid"
max_a = 80
current = "DC"
efficiency = 0.94
"""


def record(data: Path) -> SiteRecord:
    async def get(registry: Registry) -> SiteRecord:
        return await registry.site_models.get("depot")

    return with_registry(data, None, get)


def applied(folder: Path) -> Path:
    file = folder / "depot.toml"
    file.write_text(TOML)
    result = csms("site", "apply", str(file), "--data", str(folder))
    assert result.exit_code == 0, result.output
    return folder


def test_a_model_of_a_file_is_kept_shown_and_replaced(tmp_path: Path) -> None:
    applied(tmp_path)
    shown = json.loads(csms("site", "show", "depot", "--data", str(tmp_path)).stdout)
    assert [circuit["id"] for circuit in shown["circuits"]] == ["grid", "row"]
    assert shown["circuits"][1]["limit_a"] == [63.0, 63.0, 40.0]
    assert shown["places"][1]["efficiency"] == 0.94
    file = tmp_path / "depot.json"
    file.write_text(json.dumps(shown | {"places": shown["places"][:1]}))
    assert csms("site", "apply", str(file), "--data", str(tmp_path)).exit_code == 0
    assert len(json.loads(record(tmp_path).model)["places"]) == 1


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ('parent = "grid"', "circuits.row.parent: there is no circuit hall"),
        ("derating = 0.8", "circuits.row.derating: 8 is not above 0 and at most 1"),
        ('rotation = "STR"', "places.CP1/1.rotation: STS is not R, S and T in some order"),
        ("max_a = 80", "places.DC/1.max_a"),
        ("efficiency = 0.94", "places.DC/1.efficiency"),
        ('evse = 1\ncircuit = "grid"', "places.DC/1.circuit: there is no circuit gird"),
        ("limit_a = 125", "limit_aa"),
    ],
)
def test_what_is_wrong_in_a_file_names_file_and_node(
    tmp_path: Path, wrong: str, where: str
) -> None:
    instead = {
        'parent = "grid"': 'parent = "hall"',
        "derating = 0.8": "derating = 8",
        'rotation = "STR"': 'rotation = "STS"',
        "max_a = 80": "max_a = 5",
        "efficiency = 0.94": "efficiency = 94",
        'evse = 1\ncircuit = "grid"': 'evse = 1\ncircuit = "gird"',
        "limit_a = 125": "limit_aa = 125",
    }[wrong]
    file = tmp_path / "depot.toml"
    file.write_text(TOML.replace(wrong, instead, 1))
    result = csms("site", "apply", str(file), "--data", str(tmp_path))
    assert result.exit_code == 2
    assert where in result.output.replace("\n", " ")
    assert "depot.toml" in result.output


def test_a_source_sets_its_capacity_beside_that_of_others(tmp_path: Path) -> None:
    applied(tmp_path)
    data = ("--data", str(tmp_path))
    file = tmp_path / "capacity.json"
    file.write_text(json.dumps([{"circuit": "grid", "limit_w": 50_000}]))
    assert csms("site", "capacity", "depot", "contract", str(file), *data).exit_code == 0
    file.write_text(json.dumps([{"circuit": "row", "limit_a": 16, "from_us": 5, "until_us": 9}]))
    assert csms("site", "capacity", "depot", "grid", str(file), *data).exit_code == 0
    assert json.loads(record(tmp_path).schedule) == [
        {"circuit": "grid", "source": "contract", "limit_w": 50_000.0},
        {"circuit": "row", "source": "grid", "limit_a": 16.0, "from_us": 5, "until_us": 9},
    ]
    file.write_text("[]")
    assert csms("site", "capacity", "depot", "grid", str(file), *data).exit_code == 0
    assert [row["source"] for row in json.loads(record(tmp_path).schedule)] == ["contract"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"circuit": "hall", "limit_a": 5}], "0.circuit: there is no circuit hall"),
        ([{"circuit": "grid", "limit_a": -5}], "0.limit_a: must be 0 to 1,000,000 A"),
        ([{"circuit": "grid", "source": "grid"}], "0.source: is grid, not operator"),
        ([{"circuit": "grid", "from_us": 9, "until_us": 5}], "0.until_us: must be later"),
        ([{"circuit": "grid", "limit_kw": 5}], "limit_kw"),
    ],
    ids=["circuit", "limit", "source", "until", "unknown"],
)
def test_a_wrong_capacity_changes_nothing_and_is_named(
    tmp_path: Path, rows: list, problem: str
) -> None:
    applied(tmp_path)
    file = tmp_path / "capacity.json"
    file.write_text(json.dumps(rows))
    result = csms("site", "capacity", "depot", "operator", str(file), "--data", str(tmp_path))
    assert result.exit_code == 2
    assert problem in result.output.replace("\n", " ")
    assert record(tmp_path).schedule == "[]"
