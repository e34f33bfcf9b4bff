"""How long things took, counted in buckets that grow by a tenth: exact enough, and small."""

from dataclasses import dataclass, field
from math import ceil, log

from csms.simulator.sightings import Kind, Saw

GROWTH = 1.1


@dataclass
class Series:
    """One kind and name."""

    buckets: dict[int, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many ended well."""
        return sum(self.buckets.values())

    @property
    def failed(self) -> int:
        """How many did not."""
        return sum(self.failures.values())

    def quantile_ms(self, share: float) -> float:
        """Return the time within which `share` (0 to 1) of the good ones ended; 0.0: none."""
        left = share * self.count
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return GROWTH**bucket / 1_000
        return 0.0


class Latencies:
    """Series by kind and name."""

    def __init__(self) -> None:
        self.series: dict[tuple[Kind, str], Series] = {}

    def add(self, saw: Saw) -> None:
        """Count one."""
        series = self.series.setdefault((saw.kind, saw.name), Series())
        if saw.failure:
            series.failures[saw.failure] = series.failures.get(saw.failure, 0) + 1
        else:
            bucket = ceil(log(max(1, saw.us)) / log(GROWTH))
            series.buckets[bucket] = series.buckets.get(bucket, 0) + 1
