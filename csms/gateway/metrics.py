"""What a gateway counts, as Prometheus series."""

import math
from collections import Counter as Tally

from csms.gateway.gateway import Gateway
from storage.journal import JournalStats
from supervisor.telemetry import Histogram, Telemetry


class GatewayMetrics:
    """Implements csms.gateway.meters.Meters on a Telemetry."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self._acks: dict[str, Histogram] = {}
        self.committed = telemetry.histogram("csms_journal_commit_seconds").observe
        """For the journal's writer thread, which alone may call it."""
        self._unmatched = telemetry.counter("csms_unmatched_answers_total")

    def refused(self, reason: str) -> None:
        """Count a connection that was not let in."""
        self.telemetry.counter("csms_refusals_total", reason).add()

    def acknowledged(self, action: str, latency_us: int) -> None:
        """Count an answer; on the hot path."""
        acks = self._acks.get(action)
        if acks is None:
            acks = self._acks[action] = self.telemetry.histogram("csms_ack_seconds", action)
        acks.observe(latency_us / 1e6)

    def commanded(self, action: str, outcome: str) -> None:
        """Count the end of a command."""
        del action
        self.telemetry.counter("csms_commands_total", outcome).add()

    def flagged(self, action: str, flags: tuple[str, ...]) -> None:
        """Count violations by kind: what stands before the colon."""
        del action
        for flag in flags:
            self.telemetry.counter("csms_flags_total", flag.partition(":")[0]).add()

    def saw(self, number: int) -> None:
        """Count a known oddity of chargers."""
        self.telemetry.counter("csms_quirks_total", f"Q{number}").add()

    def unmatched(self) -> None:
        """Count an answer to no open call."""
        self._unmatched.add()

    def watch(self, gateway: Gateway) -> None:
        """Read these from the gateway whenever the page is read."""
        telemetry, base = self.telemetry, gateway.base

        def connections() -> dict[tuple[str, ...], float]:
            tally = Tally(line.version.subprotocol for line in gateway.lines.values())
            return {(name,): float(count) for name, count in tally.items()}

        def journal() -> JournalStats:
            return gateway.journal.stats

        telemetry.watch("csms_connections", connections)
        telemetry.watch(
            "csms_frames_total",
            lambda: dict(zip((("in",), ("out",)), map(float, gateway.frames()), strict=True)),
        )
        telemetry.watch("csms_records_revision", lambda: {(): float(gateway.directory.revision)})
        telemetry.watch("csms_mailbox_depth_max", lambda: {(): float(base.stats.mailbox_depth_max)})
        telemetry.watch("csms_restarts_total", lambda: {("actor",): float(base.stats.restarts)})
        watch_sites(telemetry, gateway)
        telemetry.watch("csms_journal_bytes_total", lambda: {(): float(journal().bytes)})
        telemetry.watch("csms_journal_queue_records", lambda: {(): float(journal().queued_records)})


def watch_sites(telemetry: Telemetry, gateway: Gateway) -> None:
    """Read from the sites that are owned here whenever the page is read."""

    def headroom() -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for site, shared in gateway.sites.shown.items():
            root = gateway.sites.root(site)
            left = min(shared.allocation.headroom_a.get(root, (math.inf,)))
            if math.isfinite(left):
                found[site,] = left
        return found

    def bindings() -> dict[tuple[str, ...], float]:
        tally = Tally(
            (site, str(limit.binding.kind))
            for site, shared in gateway.sites.shown.items()
            for limit in shared.allocation.limits.values()
        )
        return {key: float(count) for key, count in tally.items()}

    def doubted() -> dict[tuple[str, ...], float]:
        return {
            (site,): float(sum(held.doubted for held in shared.held.values()))
            for site, shared in gateway.sites.shown.items()
        }

    telemetry.watch("csms_site_headroom_amperes", headroom)
    telemetry.watch("csms_site_evses", bindings)
    telemetry.watch("csms_site_doubted", doubted)
