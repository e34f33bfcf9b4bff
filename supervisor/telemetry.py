"""What a process counts, as Prometheus text.

`METRICS` is the list of everything there is: it is API, and the documentation is made from it. A
`Telemetry` is one object per process, handed in; there is no registry of the module.

    telemetry = Telemetry()
    acks = telemetry.histogram("csms_ack_seconds", "MeterValues")    # keep it: one look-up less
    acks.observe(0.004)
    telemetry.counter("csms_refusals_total", "unknown_charger").add()
    telemetry.watch("csms_mailbox_depth_max", lambda: {(): base.stats.mailbox_depth_max})
    text = telemetry.render()
    page = merge({"gateway-0": text, "ledger": other_text})

Counting is plain Python on integers and lists (a histogram's observation: 0.2 us); the Prometheus
objects are made when the page is read. A series must be written by one thread only.
"""

import logging
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

from domain.text import clean
from supervisor.links import LinkStats

log = logging.getLogger(__name__)

Labels: TypeAlias = tuple[str, ...]
Watcher: TypeAlias = Callable[[], Mapping[Labels, float]]


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    """Only grows, until the process restarts. Its name ends in `_total`."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


LATENCY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of buckets: from half of the best commit to the patience of a charger."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. Times are seconds and sizes bytes, as Prometheus wants them."""

    name: str
    kind: Kind
    labels: Labels
    help: str
    buckets: tuple[float, ...] = ()


METRICS: tuple[Row, ...] = (
    Row("csms_up", Kind.GAUGE, ("what",), "1: the process of this name answers the api."),
    Row("csms_connections", Kind.GAUGE, ("subprotocol",), "Chargers connected now."),
    Row("csms_frames_total", Kind.COUNTER, ("direction",), "WebSocket frames, in or out."),
    Row(
        "csms_ack_seconds",
        Kind.HISTOGRAM,
        ("action",),
        "From the read of a charger's CALL off the socket to its answer written to it.",
        LATENCY_S,
    ),
    Row(
        "csms_refusals_total",
        Kind.COUNTER,
        ("reason",),
        "Connections refused, by a word of csms.gateway.refusals.",
    ),
    Row(
        "csms_commands_total",
        Kind.COUNTER,
        ("outcome",),
        "Commands to chargers that ended, by domain.commands.Outcome.",
    ),
    Row(
        "csms_flags_total",
        Kind.COUNTER,
        ("kind",),
        "Violations of the specification in messages that were accepted all the same.",
    ),
    Row(
        "csms_site_headroom_amperes",
        Kind.GAUGE,
        ("site",),
        "What the fullest phase of a site's root circuit has left after all shares; told by the "
        "gateway that owns the site. Negative: unmanaged loads draw too much. No row: no limit.",
    ),
    Row(
        "csms_site_evses",
        Kind.GAUGE,
        ("site", "binding"),
        "EVSEs with a share, by what keeps them from more (domain.site.BindingKind).",
    ),
    Row(
        "csms_site_doubted",
        Kind.GAUGE,
        ("site",),
        "EVSEs that reject, ignore or do not answer limits: set aside what they may draw.",
    ),
    Row(
        "csms_plans_total",
        Kind.COUNTER,
        ("outcome",),
        "Looks of the planner at a site: planned, nothing_to_plan or failed.",
    ),
    Row("csms_plan_seconds", Kind.HISTOGRAM, (), "Making and solving one plan.", LATENCY_S),
    Row(
        "csms_quirks_total",
        Kind.COUNTER,
        ("quirk",),
        "Known oddities of chargers that were seen, by their number.",
    ),
    Row(
        "csms_unmatched_answers_total",
        Kind.COUNTER,
        (),
        "Answers of chargers to no open call: late, repeated or invented.",
    ),
    Row(
        "csms_mailbox_depth_max",
        Kind.GAUGE,
        (),
        "The longest mailbox of an actor seen since the start.",
    ),
    Row(
        "csms_restarts_total",
        Kind.COUNTER,
        ("what",),
        'Restarts: "actor" are those of chargers\' actors after a crash, told by their gateway; '
        "the others those of the process that has this name, told by the api.",
    ),
    Row(
        "csms_journal_commit_seconds",
        Kind.HISTOGRAM,
        (),
        "One commit of a group of records of the journal, fsync included.",
        LATENCY_S,
    ),
    Row("csms_journal_queue_records", Kind.GAUGE, (), "Records that wait for a commit now."),
    Row("csms_journal_bytes_total", Kind.COUNTER, (), "Bytes of records written to the journal."),
    Row(
        "csms_projection_lag_records",
        Kind.GAUGE,
        ("reader", "journal"),
        "Journal records that the ledger or the warehouse has not taken over yet.",
    ),
    Row(
        "csms_quarantined_total",
        Kind.COUNTER,
        (),
        "Journal records, or rows made of them, that the ledger or the warehouse could not take "
        "over and has put aside.",
    ),
    Row(
        "csms_store_away",
        Kind.GAUGE,
        (),
        "1: the relational store did not answer the ledger, or the analytical one the warehouse, "
        "at the last try.",
    ),
    Row(
        "csms_records_revision",
        Kind.GAUGE,
        (),
        "Up to which change the process knows the records of chargers, tokens and sites.",
    ),
    Row(
        "csms_keys_expired_total",
        Kind.COUNTER,
        (),
        "New keys of chargers that were never used in time: look at these chargers.",
    ),
    Row(
        "csms_activations_total",
        Kind.COUNTER,
        (),
        "Chargers of which a gateway asked the ledger what is known.",
    ),
    Row(
        "csms_warehouse_blocks_total",
        Kind.COUNTER,
        (),
        "Blocks of journal records written to the analytical store.",
    ),
    Row(
        "csms_warehouse_records_total",
        Kind.COUNTER,
        (),
        "Journal records written to the analytical store.",
    ),
    Row(
        "csms_warehouse_rows_total",
        Kind.COUNTER,
        (),
        "Rows of tables written to the analytical store.",
    ),
    Row(
        "csms_warehouse_failures_total",
        Kind.COUNTER,
        (),
        "Blocks that could not be written at once; they are tried again.",
    ),
    Row("csms_sql_statements_total", Kind.COUNTER, (), "Statements of analysts so far."),
    Row("csms_sql_statements_open", Kind.GAUGE, (), "Statements of analysts, running or waiting."),
    Row(
        "csms_link_frames_total",
        Kind.COUNTER,
        ("link", "direction"),
        "Frames between processes, in or out.",
    ),
    Row(
        "csms_link_faults_total",
        Kind.COUNTER,
        ("link", "fault"),
        "What went wrong between processes, by a field of supervisor.links.LinkStats.",
    ),
)

OTHER = "other"
"""The label of everything above `series_max`."""


class TelemetrySettings(BaseModel):
    """Limits of what a process counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series_max: int = Field(
        default=500,
        ge=1,
        description="Series of one metric. Further combinations of labels are counted together "
        'under the label "other", for a label can be a word that a charger made up.',
    )
    label_length_max: int = Field(
        default=100, ge=1, description="Characters of a label; the rest is cut off."
    )


class _Number:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Counter(_Number):
    """A number that only grows."""

    __slots__ = ()

    def add(self, amount: float = 1) -> None:
        """Grow by `amount` (>= 0)."""
        self.value += amount


class Gauge(_Number):
    """A number as it is now."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """It is `value` now."""
        self.value = value

    def add(self, amount: float) -> None:
        """Grow, or shrink when `amount` is negative."""
        self.value += amount


class Histogram:
    """How many observations fell into each bucket, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def observe(self, value: float) -> None:
        """Count `value` into the first bucket whose upper bound is not below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper bound, observations up to it), cumulated, the last one "+Inf"."""
        total = 0
        cumulated = []
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            total += count
            cumulated.append((bound, float(total)))
        return cumulated


_Series = TypeVar("_Series", Counter, Gauge, Histogram)


class Telemetry:
    """Everything that one process counts.

    Args:
        rows: the metrics that there are.
        settings: see `TelemetrySettings`.
    """

    def __init__(
        self, rows: Iterable[Row] = METRICS, settings: TelemetrySettings | None = None
    ) -> None:
        self._settings = settings or TelemetrySettings()
        self._rows = {row.name: row for row in rows}
        self._counters: dict[str, dict[Labels, Counter]] = {}
        self._gauges: dict[str, dict[Labels, Gauge]] = {}
        self._histograms: dict[str, dict[Labels, Histogram]] = {}
        self._watchers: dict[str, list[Watcher]] = {}
        self._registry = CollectorRegistry()
        self._registry.register(_Page(self._families))

    def counter(self, name: str, *labels: str) -> Counter:
        """Return the series of these labels, always the same one.

        Raises:
            KeyError: no counter has this name.
            ValueError: the metric has another number of labels.
        """
        row = self._row(name, Kind.COUNTER)
        return self._series(row, self._counters.setdefault(name, {}), labels, Counter)

    def gauge(self, name: str, *labels: str) -> Gauge:
        """As `counter`, for a gauge."""
        row = self._row(name, Kind.GAUGE)
        return self._series(row, self._gauges.setdefault(name, {}), labels, Gauge)

    def histogram(self, name: str, *labels: str) -> Histogram:
        """As `counter`, for a histogram."""
        row = self._row(name, Kind.HISTOGRAM)
        family = self._histograms.setdefault(name, {})
        return self._series(row, family, labels, lambda: Histogram(row.buckets))

    def watch(self, name: str, read: Watcher) -> None:
        """Ask `read` for the values of a counter or gauge, by labels, whenever the page is read.

        A `read` that raises is logged and its series are missing on that page.

        Raises:
            KeyError: no counter or gauge has this name.
        """
        self._row(name, Kind.COUNTER, Kind.GAUGE)
        self._watchers.setdefault(name, []).append(read)

    def watch_links(self, link: str, stats: LinkStats) -> None:
        """Show the counts of a LinkServer or LinkClient under the label `link`."""
        faults = [f.name for f in fields(stats) if f.name not in {"frames_in", "frames_out"}]
        faults.remove("links")
        self.watch(
            "csms_link_frames_total",
            lambda: {(link, "in"): stats.frames_in, (link, "out"): stats.frames_out},
        )
        self.watch(
            "csms_link_faults_total",
            lambda: {(link, fault): getattr(stats, fault) for fault in faults},
        )

    def render(self) -> str:
        """Return the page: Prometheus text, version 0.0.4. Metrics without a series are absent."""
        return generate_latest(self._registry).decode()

    def _row(self, name: str, *kinds: Kind) -> Row:
        row = self._rows.get(name)
        if row is None or row.kind not in kinds:
            raise KeyError(f"no {' or '.join(kinds)} is called {name}")
        return row

    def _series(
        self,
        row: Row,
        family: dict[Labels, _Series],
        labels: Labels,
        make: Callable[[], _Series],
    ) -> _Series:
        series = family.get(labels)
        if series is not None:
            return series
        if len(labels) != len(row.labels):
            raise ValueError(f"{row.name} has the labels {row.labels}, not {labels}")
        labels = tuple(clean(label, self._settings.label_length_max) for label in labels)
        if labels not in family and len(family) >= self._settings.series_max:
            labels = tuple(OTHER for _ in labels)
        return family.setdefault(labels, make())

    def _families(self) -> Iterator[Metric]:
        for row in self._rows.values():
            if row.kind is Kind.HISTOGRAM:
                yield from self._histogram_family(row)
            else:
                yield from self._number_family(row)

    def _number_family(self, row: Row) -> Iterator[Metric]:
        family: CounterMetricFamily | GaugeMetricFamily
        series: Mapping[Labels, _Number]
        if row.kind is Kind.COUNTER:
            family = CounterMetricFamily(row.name, row.help, labels=row.labels)
            series = self._counters.get(row.name, {})
        else:
            family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
            series = self._gauges.get(row.name, {})
        values = {labels: number.value for labels, number in list(series.items())}
        for read in self._watchers.get(row.name, ()):
            try:
                values.update(read())
            except Exception:
                log.exception("%s could not be read", row.name)
        for labels, value in values.items():
            family.add_metric(labels, value)
        if values:
            yield family

    def _histogram_family(self, row: Row) -> Iterator[Metric]:
        series = self._histograms.get(row.name)
        if series:
            family = HistogramMetricFamily(row.name, row.help, labels=row.labels)
            for labels, histogram in list(series.items()):
                family.add_metric(labels, histogram.buckets(), histogram.sum)
            yield family


class _Page(Collector):
    """What prometheus_client asks when the page is read."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """All families that have a series."""
        return self._families()

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not look for names that are there twice, METRICS has none."""
        return []


_COMMENT = re.compile(r"# (HELP|TYPE) (\S+)")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S.*)")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def merge(texts: Mapping[str, str]) -> str:
    """Return one page of the pages of several processes, each sample with a `process` label.

    Samples of one metric stand together, as the format demands. Lines that are no Prometheus text
    are left out.

    Args:
        texts: what `Telemetry.render` returned, by the name of the process.
    """
    heads: dict[str, dict[str, str]] = {}
    samples: dict[str, list[str]] = {}
    for process, text in texts.items():
        label = f'process="{process.translate(_ESCAPES)}"'
        family = ""
        for line in text.split("\n"):
            comment = _COMMENT.match(line)
            if comment is not None:
                family = comment[2]
                heads.setdefault(family, {}).setdefault(comment[1], line)
                continue
            sample = _SAMPLE.fullmatch(line)
            if sample is not None:
                name, labels, value = sample.groups()
                # A histogram's samples have longer names than the histogram.
                owner = family if family and name.startswith(family) else name
                line_out = f"{name}{{{label}{',' if labels else ''}{labels or ''}}} {value}"
                samples.setdefault(owner, []).append(line_out)
    lines: list[str] = []
    for family, found in samples.items():
        lines += heads.get(family, {}).values()
        lines += found
    return "\n".join([*lines, ""])
