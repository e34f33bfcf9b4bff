import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from supervisor.links import LinkStats
from supervisor.telemetry import METRICS, Histogram, Kind, Row, Telemetry, TelemetrySettings, merge

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The page as the Prometheus client's own parser reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# The table.


def test_the_names_of_the_table_are_unique_and_keep_the_rules_of_prometheus() -> None:
    assert len({row.name for row in METRICS}) == len(METRICS)
    for row in METRICS:
        assert row.name.startswith("csms_")
        assert row.name.endswith("_total") == (row.kind is Kind.COUNTER)
        assert bool(row.buckets) == (row.kind is Kind.HISTOGRAM)
        assert list(row.buckets) == sorted(set(row.buckets))
        assert not {"process", "le"} & set(row.labels)  # taken by merge, and by the format
        assert row.help.endswith(".")


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_every_metric_of_the_table_can_be_counted_and_read_back(row: Row) -> None:
    telemetry = Telemetry()
    labels = [f"a {label}" for label in row.labels]
    wanted = tuple(sorted(zip(row.labels, labels, strict=True)))
    match row.kind:
        case Kind.COUNTER:
            telemetry.counter(row.name, *labels).add(3)
        case Kind.GAUGE:
            telemetry.gauge(row.name, *labels).set(3)
        case Kind.HISTOGRAM:
            for value in (0.0, 0.004, 99.0):
                telemetry.histogram(row.name, *labels).observe(value)
    found = samples(telemetry.render())
    name = f"{row.name}_count" if row.kind is Kind.HISTOGRAM else row.name
    assert found[name, wanted] == 3


# Counting.


def test_the_same_labels_give_the_same_series() -> None:
    telemetry = Telemetry()
    telemetry.counter("csms_frames_total", "in").add()
    telemetry.counter("csms_frames_total", "in").add(2)
    telemetry.counter("csms_frames_total", "out").add()
    telemetry.gauge("csms_connections", "ocpp1.6").add(5)
    telemetry.gauge("csms_connections", "ocpp1.6").add(-2)
    found = samples(telemetry.render())
    assert found["csms_frames_total", (("direction", "in"),)] == 3
    assert found["csms_frames_total", (("direction", "out"),)] == 1
    assert found["csms_connections", (("subprotocol", "ocpp1.6"),)] == 3


def test_two_telemetries_share_nothing() -> None:
    one, other = Telemetry(), Telemetry()
    one.counter("csms_frames_total", "in").add()
    assert other.render() == ""


@pytest.mark.parametrize("name", ["csms_nonsense_total", "csms_connections", "csms_ack_seconds"])
def test_a_counter_that_is_not_in_the_table_is_refused(name: str) -> None:
    with pytest.raises(KeyError, match=f"no counter is called {name}"):
        Telemetry().counter(name)


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        Telemetry().counter("csms_frames_total")


def test_what_is_on_the_bound_belongs_to_the_bucket() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5, math.inf):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 2.0), ("2.0", 4.0), ("+Inf", 6.0)]


@settings(max_examples=40)
@given(st.lists(st.floats(0, 20)))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    telemetry = Telemetry()
    histogram = telemetry.histogram("csms_journal_commit_seconds")
    for value in values:
        histogram.observe(value)
    found = samples(telemetry.render())
    assert found["csms_journal_commit_seconds_count", ()] == len(values)
    assert found["csms_journal_commit_seconds_sum", ()] == pytest.approx(sum(values))
    for (name, labels), value in found.items():
        if name.endswith("_bucket"):
            assert value == sum(one <= float(labels[0][1]) for one in values)


def test_series_are_bounded_and_the_rest_is_counted_together() -> None:
    telemetry = Telemetry(settings=TelemetrySettings(series_max=2, label_length_max=5))
    for label in ("a", "b", "c", "d", "a"):
        telemetry.counter("csms_refusals_total", label).add()
    found = samples(telemetry.render())
    assert {labels[0][1]: value for (_, labels), value in found.items()} == {
        "a": 2,
        "b": 1,
        "other": 2,
    }


@settings(max_examples=40)
@given(st.text(max_size=200))
def test_a_label_that_a_charger_made_up_never_breaks_the_page(label: str) -> None:
    telemetry = Telemetry()
    telemetry.counter("csms_quirks_total", label).add()
    telemetry.counter("csms_quirks_total", label).add()
    for page in (telemetry.render(), merge({"gateway-0": telemetry.render()})):
        (value,) = samples(page).values()
        assert value == 2


# Watching.


def test_watched_values_are_read_when_the_page_is() -> None:
    telemetry = Telemetry()
    depth = 1
    telemetry.watch("csms_mailbox_depth_max", lambda: {(): depth})
    telemetry.watch("csms_projection_lag_records", lambda: {("ledger", "gateway-0"): 7})
    depth = 9
    found = samples(telemetry.render())
    assert found["csms_mailbox_depth_max", ()] == 9
    assert (
        found["csms_projection_lag_records", (("journal", "gateway-0"), ("reader", "ledger"))] == 7
    )


def test_a_watcher_that_fails_is_logged_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry = Telemetry()
    telemetry.watch("csms_mailbox_depth_max", lambda: {(): 1 // 0})
    telemetry.counter("csms_frames_total", "in").add()
    assert samples(telemetry.render()) == {("csms_frames_total", (("direction", "in"),)): 1}
    assert "csms_mailbox_depth_max could not be read" in caplog.text


def test_a_histogram_cannot_be_watched() -> None:
    with pytest.raises(KeyError):
        Telemetry().watch("csms_ack_seconds", dict)


def test_the_counts_of_links_are_shown() -> None:
    telemetry = Telemetry()
    stats = LinkStats(links=1, frames_in=3, frames_out=4, late_answers=5)
    telemetry.watch_links("ledger", stats)
    stats.stalls = 6
    found = samples(telemetry.render())
    assert found["csms_link_frames_total", (("direction", "in"), ("link", "ledger"))] == 3
    assert found["csms_link_frames_total", (("direction", "out"), ("link", "ledger"))] == 4
    assert found["csms_link_faults_total", (("fault", "late_answers"), ("link", "ledger"))] == 5
    assert found["csms_link_faults_total", (("fault", "stalls"), ("link", "ledger"))] == 6


# Merging.


def test_merged_pages_keep_every_sample_under_its_process() -> None:
    pages = {}
    for number, process in enumerate(("gateway-0", 'odd "name"\\')):
        telemetry = Telemetry()
        telemetry.counter("csms_frames_total", "in").add(number + 1)
        telemetry.counter("csms_unmatched_answers_total").add(number + 10)
        telemetry.histogram("csms_ack_seconds", "Heartbeat").observe(0.1)
        pages[process] = telemetry.render()
    page = merge(pages)
    wanted = {
        (name, tuple(sorted([*labels, ("process", process)]))): value
        for process, text in pages.items()
        for (name, labels), value in samples(text).items()
    }
    assert samples(page) == wanted


def test_merged_samples_of_one_metric_stand_together_under_one_head() -> None:
    telemetry = Telemetry()
    telemetry.counter("csms_frames_total", "in").add()
    telemetry.histogram("csms_ack_seconds", "Heartbeat").observe(0.1)
    text = telemetry.render()
    page = merge({"a": text, "b": text})
    assert page.count("# TYPE csms_ack_seconds histogram") == 1
    assert page.count("# HELP csms_frames_total") == 1
    names = [line.partition("{")[0] for line in page.splitlines() if line.startswith("csms_f")]
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    first = next(n for n, line in enumerate(lines) if line.startswith("csms_f"))
    assert names == ["csms_frames_total"] * 2
    assert all(line.startswith("csms_f") for line in lines[first : first + 2])
    assert page.endswith("\n")


def test_samples_without_a_head_and_lines_that_are_none_are_no_harm() -> None:
    page = merge({"a": 'bare 1\nbare{x="{1}"} 2 123\n\n<html>\n# hello\n', "b": ""})
    assert page == 'bare{process="a"} 1\nbare{process="a",x="{1}"} 2 123\n'


def test_nothing_merged_is_nothing() -> None:
    assert merge({}) == ""
