"""The catalogue of models, and what messages show."""

import pytest

from csms.gateway.models import Models
from csms.quirks import sightings
from csms.quirks.catalogue import Catalogue, Model, load_catalogue
from domain.errors import ConfigError
from domain.events import ConnectorStatusReported, EnergyMeasured, TransactionEndedProvisionally
from domain.records import ChargerRecord
from domain.reports import StartReported, StopReported

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("vendor", "model", "name"),
    [
        ("Free2Move eSolutions", "eProWallbox", "free2move"),
        ("Wall Box Chargers", "PLP1", "wallbox"),
        ("Wallbox", "Copper SB", "wallbox-chargers"),
        ("EN+", "AC Home", "en-plus"),
        ("AEFA", "x", "aefa"),
        ("Schneider Electric", "EVlink Pro AC", "evlink"),
        ("ABB", "Terra AC", "abb-terra"),
    ],
)
def test_a_model_is_found_by_what_it_says_at_its_boot(vendor, model, name) -> None:
    found = CATALOGUE.find(vendor, model)
    assert found is not None
    assert found.name == name
    assert CATALOGUE.named(name) is found


def test_nobody_else_is_treated_specially() -> None:
    assert CATALOGUE.find("Acme", "One") is None
    assert CATALOGUE.find("", "") is None
    assert CATALOGUE.find("Schneider Electric", "Other") is None
    assert CATALOGUE.named("nothing") is None


def test_every_model_says_why_and_which_quirks() -> None:
    names = [each.name for each in CATALOGUE]
    assert len(set(names)) == len(names) == len(CATALOGUE)
    assert all(each.why and each.quirks for each in CATALOGUE)


def test_an_operators_own_models_come_first(tmp_path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[model]]\nname = "mine"\nvendor = "wallbox*"\nnever_send = ["TriggerMessage"]\n'
    )
    made = load_catalogue(own)
    assert made.find("Wallbox", "x").name == "mine"
    assert len(made) == len(CATALOGUE) + 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[[model", "own.toml"),
        ('[[model]]\nname = "a"', "must say something"),
        ('[[model]]\nname = "none"\nvendor = "x"', "not be 'none'"),
        ('[[model]]\nname = "a"\nvendor = "X"', "lower case"),
        ('[[model]]\nname = "a"\nvendor = "x"\nquirks = [55]', "1 to 54"),
        ('[[model]]\nname = "a"\nvendor = "x"\nreply_delay_ms = -1', "reply_delay_ms"),
        ('[[model]]\nname = "a"\nvendor = "x"\nrepairs = ["all"]', "repairs"),
        ('[[model]]\nname = "a"\nvendor = "x"\nspeed = 1', "speed"),
    ],
)
def test_a_wrong_model_is_named_with_its_rule(tmp_path, text, rule) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=rule):
        load_catalogue(own)
    with pytest.raises(ConfigError, match="quirks_file"):
        load_catalogue(tmp_path / "missing.toml")


def test_the_model_is_remembered_between_connections_but_the_record_decides() -> None:
    fast = Model("fast", vendor="f*", reply_delay_ms=5)
    models = Models(Catalogue([fast, Model("other", vendor="o*")]), 2)
    record = ChargerRecord("CP1")
    assert models.of_record(record) is None
    assert models.learn(record, "Fast", "x") is fast
    assert models.of_record(ChargerRecord("cp1")) is fast
    assert models.of_record(ChargerRecord("CP1", treat_as="other")).name == "other"
    assert models.of_record(ChargerRecord("CP1", treat_as="none")) is None
    assert models.learn(ChargerRecord("CP1", treat_as="none"), "Fast", "x") is None
    assert models.learn(record, "Acme", "x") is None
    assert models.of_record(record) is None
    for index in range(5):
        models.learn(ChargerRecord(f"N{index}"), "Fast", "x")
    assert models.of_record(ChargerRecord("N0")) is None
    assert models.of_record(ChargerRecord("N4")) is fast


STOPPED = {"meter_stop_wh": 1, "at_us": 1, "stopped_raw": "2026-05-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("report", "numbers"),
    [
        (StopReported(-1, **STOPPED), [44]),
        (StopReported(0, **STOPPED), [45]),
        (StopReported(5, **STOPPED), []),
        (StopReported(5, **STOPPED, quality="no_zone"), [37]),
        (StartReported(1, "T", 0, 1, "1970-01-01T00:00:12Z", quality="absurd"), [39]),
        (StartReported(1, "T", 0, 1, "222222017-10-27", quality="absurd"), [40]),
        (EnergyMeasured(1, -1, ()), [44]),
        (ConnectorStatusReported(1, "Available", 1, quality="missing"), [34]),
        (ConnectorStatusReported(1, "Available", 1, quality="pre_sync"), [36]),
        (ConnectorStatusReported(1, "Available", 1), []),
    ],
)
def test_what_a_charger_says_shows_its_oddities(report, numbers) -> None:
    assert list(sightings.of_report(report, b'{"reason":"Local"}')) == numbers


def test_flags_and_events_show_oddities() -> None:
    assert sightings.of_flags(("repaired:leading_comma", "enum:/status", "msgid_reuse")) == [15, 22]
    events = (
        EnergyMeasured(1, 7, (), ("meter_decreased", "unknown_transaction")),
        TransactionEndedProvisionally(1, 1, 1, "available"),
        ConnectorStatusReported(1, "Available", 1),
    )
    assert sightings.of_events(events) == [51, 46, 54]
