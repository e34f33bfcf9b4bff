import pytest

from csms.dashboard import formats
from csms.dashboard.cells import safe_cell
from csms.dashboard.metrics import Behind, behind, families
from csms.dashboard.texts import texts_of
from csms.dashboard.view import environment


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, formats.NONE),
        (0, "0 W"),
        (850, "850 W"),
        (22_080, "22.1 kW"),
        (-4_000, "-4.0 kW"),
        (1_250_000, "1.25 MW"),
    ],
)
def test_power_is_written_as_people_read_it(value: float | None, text: str):
    assert formats.power(value) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1.25 MW, 99.950 %, 6.5 / 0 A, 1.5 ms"),
        ("de", "1,25 MW, 99,950 %, 6,5 / 0 A, 1,5 ms"),
    ],
)
def test_numbers_have_the_decimal_mark_of_the_language(language: str, text: str):
    page = environment().from_string(
        "{{ 1250000 | power }}, {{ 99.95 | percent }}, {{ [6.5, 0] | amperes }},"
        " {{ 1500 | latency }}"
    )
    assert page.render(t=texts_of(language)) == text


@pytest.mark.parametrize("at_us", [0, None, 10**18 * 9, -(10**18) * 9])
def test_an_instant_that_no_calendar_has_is_a_dash(at_us: int | None):
    assert formats.clock(at_us) == formats.NONE
    assert formats.iso(at_us) == ""


def test_instants_are_utc():
    assert formats.clock(1_767_225_600_000_000) == "2026-01-01 00:00:00 UTC"
    assert formats.iso(1_767_225_600_123_000) == "2026-01-01T00:00:00.123Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, formats.NONE), (5, "5 s"), (61, "1 min"), (7_500, "2 h 05 min"), (200_000, "2 d 7 h")],
)
def test_durations_are_written_in_two_units_at_most(seconds: float, text: str):
    assert formats.duration(seconds) == text


@pytest.mark.parametrize("text", ["", "{", "NaN,", "[" * 100_000])
def test_what_is_no_json_is_shown_as_it_is(text: str):
    assert formats.pretty(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, formats.NONE),
        (float("inf"), formats.NONE),
        (16.0, "16 A"),
        ((6.5, 0.0, 10.0), "6.5 / 0 / 10 A"),
    ],
)
def test_currents_of_phases_stand_side_by_side(value: object, text: str):
    assert formats.amperes(value) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "\n=cmd"])
def test_cells_that_a_spreadsheet_would_run_begin_with_an_apostrophe(text: str):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "cell"), [("a=1", "a=1"), (-5, "-5"), (["=x"], '["=x"]'), ("a\0b", "ab"), ("", "")]
)
def test_other_cells_stay_as_they_are(value: object, cell: str):
    assert safe_cell(value) == cell


def test_metrics_are_read_by_family_without_buckets():
    text = (
        "# HELP a_seconds How long.\n# TYPE a_seconds histogram\n"
        'a_seconds_bucket{le="1"} 3\na_seconds_count{p="x"} 3\na_seconds_sum{p="x"} 1.5\n'
        "# HELP b_total Things.\nb_total 7\nnonsense\nc NaNo\n"
    )
    found = {family.name: (family.help, family.samples) for family in families(text)}
    assert found == {
        "a_seconds": ("How long.", [('count p="x"', 3.0)]),
        "b_total": ("Things.", [("", 7.0)]),
    }


def test_how_far_stores_are_behind_is_read_from_the_metrics() -> None:
    text = """# HELP csms_projection_lag_records Journal records that are not taken over yet.
csms_projection_lag_records{journal="gw1",process="warehouse",reader="warehouse"} 12.0
csms_projection_lag_records{journal="gw0",process="ledger",reader="ledger"} 0.0
"""
    assert behind(families(text)) == [Behind("ledger", "gw0", 0), Behind("warehouse", "gw1", 12)]
    assert behind([]) == []
