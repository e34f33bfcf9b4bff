"""Sessions replayed in virtual time."""

import json
import tomllib
from random import Random

import msgspec
import pytest
from typer.testing import CliRunner

from actors.site.settings import Policy, SiteSettings
from actors.site.tree import compile_tree
from csms.cli import app
from csms.simulate_site.read import from_csv, from_rows, in_places
from csms.simulate_site.report import figures, svg
from csms.simulate_site.run import Scenario, simulate
from csms.simulate_site.sessions import HOUR_US, Session, workplace_sessions
from domain.errors import InvalidInput
from domain.site import Circuit, EvsePlace, Site

BEGIN = 1_767_571_200_000_000
HEADER = "sessionID,connectionTime,disconnectTime,kWhDelivered,spaceID\n"


def tree(limit_a=32.0, count=3):
    places = tuple(EvsePlace(f"E{n}/1", f"E{n}", 1, "main", phases=1) for n in range(count))
    return compile_tree(Site("s", (Circuit("main", limit_a=limit_a),), places))


def stay(number, energy_wh=4_000.0, hours=4):
    return Session(f"s{number}", f"E{number}/1", BEGIN, BEGIN + hours * HOUR_US, energy_wh)


@pytest.mark.parametrize("policy", list(Policy))
def test_with_room_enough_everybody_gets_all_and_no_limit_is_passed(policy):
    scenario = Scenario(tree(), [stay(n) for n in range(3)], SiteSettings(policy=policy))
    outcome = simulate(scenario)
    said = figures(outcome)
    assert said["delivered_pct"] == pytest.approx(100, abs=0.5)
    assert said["over_limit_moments"] == 0
    assert said["peak_kw"] <= 32 * 0.230


def test_nobody_gets_energy_after_leaving():
    scenario = Scenario(tree(), [stay(0, 50_000, 1)], SiteSettings(), tapers=False)
    assert simulate(scenario).got_wh["s0"] == pytest.approx(32 * 230, rel=0.01)


def test_a_plan_moves_energy_into_cheap_hours():
    night = [0.5, 0.5, 0.1, 0.1]
    costs = [
        simulate(
            Scenario(tree(), [stay(0, 7_000)], SiteSettings(), prices=night, planned=planned)
        ).cost
        for planned in (False, True)
    ]
    assert costs[1] < costs[0] / 2


def test_the_same_seed_makes_the_same_days():
    names = ["A/1", "B/1"]
    first, second = (workplace_sessions(names, 3, BEGIN, Random(7)) for _ in range(2))
    assert first == second
    assert first
    assert all(one.departure_us > one.arrival_us and one.energy_wh > 0 for one in first)


def test_columns_of_acn_data_are_read(tmp_path):
    path = tmp_path / "sessions.csv"
    path.write_text(
        HEADER
        + '1,"Wed, 25 Apr 2018 11:08:04 GMT","Wed, 25 Apr 2018 13:20:10 GMT",7.5,CA-1\n'
        + "2,2018-04-25 11:00:00+00:00,2018-04-25T12:00:00Z,1,CA-2\n"
        + "3,2018-04-25T12:00:00Z,2018-04-25T11:00:00Z,1,CA-2\n"
    )
    sessions = from_csv(path)
    assert [(one.id, one.place, one.energy_wh) for one in sessions] == [
        ("1", "CA-1", 7_500),
        ("2", "CA-2", 1_000),
    ]
    assert sessions[0].arrival_us - sessions[1].arrival_us == 484_000_000


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        HEADER + "1,soon,later,7,CA\n",
        HEADER + "1,2018-04-25T11:00:00Z,2018-04-25T12:00:00Z,inf,CA\n",
        HEADER + "1,\udcff,later,7,CA\n",
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(InvalidInput, match=r"bad\.csv"):
        from_csv(path)


def test_rows_of_clickhouse_become_sessions():
    rows = [("CP1", 2, 7, BEGIN, BEGIN + HOUR_US, 5_000)]
    assert from_rows(rows) == [Session("CP1-7", "CP1/2", BEGIN, BEGIN + HOUR_US, 5_000.0, 32.0, 3)]


def test_the_command_prints_a_table_and_writes_figures_and_a_plot(tmp_path):
    plot, figures_file = tmp_path / "plot.svg", tmp_path / "figures.json"
    arguments = ["simulate-site", "--evses", "4", "--days", "1", "--power-kw", "8", "--step", "300"]
    arguments += ["--policy", "least_laxity", "--plot", str(plot), "--json", str(figures_file)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "least_laxity" in result.output
    said = json.loads(figures_file.read_text())["least_laxity"]
    assert 0 < said["delivered_pct"] <= 100
    assert plot.read_text().startswith("<svg")


MODEL = """
id = "depot"
circuits = [{id = "main", limit_a = 20}]
places = [
    {id = "left", charger = "CP1", evse = 1, circuit = "main", phases = 1},
    {id = "right", charger = "CP1", evse = 2, circuit = "main", phases = 1},
]
"""


def test_synthetic_cars_come_to_the_places_of_a_model(tmp_path):
    model, said = tmp_path / "depot.toml", tmp_path / "figures.json"
    model.write_text(MODEL)
    arguments = ["simulate-site", "--model", str(model), "--days", "1", "--step", "300"]
    arguments += ["--policy", "first_come", "--json", str(said)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert 0 < json.loads(said.read_text())["first_come"]["peak_kw"] <= 20 * 0.230


def test_recorded_sessions_find_the_place_of_their_evse():
    site = msgspec.convert(tomllib.loads(MODEL), Site)
    recorded = from_rows([("CP1", 2, 7, BEGIN, BEGIN + HOUR_US, 5_000)])
    assert [one.place for one in in_places(recorded, site)] == ["right"]
    assert in_places(recorded, None) == recorded


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sessions", "nowhere.csv"], "nowhere.csv"),
        (["--model", "nowhere.toml"], "nowhere.toml"),
        (["--plot", "nowhere/plot.svg"], "there is no folder nowhere"),
        (["--json", "nowhere/figures.json"], "there is no folder nowhere"),
        (["--recorded", "no; site"], "is not the id of a site"),
    ],
)
def test_what_cannot_be_read_or_written_is_said_before_anything_runs(arguments, said):
    result = CliRunner().invoke(app, ["simulate-site", *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_an_empty_plot_is_still_a_picture():
    scenario = Scenario(tree(), [], SiteSettings())
    assert svg({"x": simulate(scenario)}).startswith("<svg")
