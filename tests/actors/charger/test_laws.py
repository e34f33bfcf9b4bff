"""The laws of actors/charger/machine.py, over random sequences of everything."""

from collections import Counter
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.charger.effects import Close, Effect, Finish, Reply, Send, Wake
from actors.charger.machine import HANDLERS, PHASES, REPORTS, handle
from actors.charger.messages import (
    Activated,
    BootAnswered,
    CommandAnswered,
    Connected,
    Disconnected,
    Message,
    Tick,
)
from actors.charger.shell import RUN
from actors.charger.state import Phase
from domain.answers import StartAnswer
from domain.commands import Outcome
from domain.events import (
    DiagnosticsStatusReported,
    FirmwareStatusReported,
    HeartbeatReceived,
    LogStatusReported,
    SecurityEventReported,
    TransactionProgressed,
    TransactionStarted,
    TransactionStopped,
)
from domain.known import KnownCharger, OpenTransaction
from domain.pricing import Shown
from domain.records import TokenRecord
from domain.reports import (
    AuthorizationAsked,
    CertificateAsked,
    DataOffered,
    Report,
    TransactionReported,
)
from tests.actors.charger.desk import (
    BOOT,
    T0,
    S,
    boot,
    command,
    meter,
    new_state,
    only,
    said,
    start,
    status,
    stop,
)

NUMBERS = st.sampled_from([-1, 0, 1, 7, 100, 101, 102, 103, 2**31 - 1])
CONNECTORS = st.integers(0, 4)
TOKENS = st.sampled_from(["TAG", "tag", "BLOCKED", "NOBODY"])
FOLLOWS = st.sampled_from(
    ["", "booted", "transaction_started", "transaction_stopped", "status_reported",
     "meter_reported", "firmware_reported", "heartbeat_received"]
)  # fmt: skip
LIMITS = {
    "deferred_max": 3,
    "commands_max": 3,
    "follows_max": 2,
    "recent_starts_max": 5,
    "open_transactions_max": 4,
    "connectors_max": 3,
}
THEIRS = frozenset({1, 2**31 - 1})
"""Numbers of other chargers' transactions."""


def test_the_tables_name_every_message_report_and_effect() -> None:
    assert set(HANDLERS) == set(get_args(Message))
    assert set(REPORTS) == set(get_args(Report))
    assert set(RUN) == set(get_args(Effect))


def test_nothing_leads_out_of_gone_and_everything_leads_into_it() -> None:
    assert all(phase is not Phase.GONE for phase, _ in PHASES)
    assert {phase for phase, what in PHASES if what == "disconnected"} == set(Phase) - {Phase.GONE}


class Laws(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = new_state(
            TokenRecord("TAG"), TokenRecord("BLOCKED", status="Blocked"), connect=False, **LIMITS
        )
        self.now_us = T0
        self.said: list[str] = []
        self.answered: Counter[str] = Counter()
        self.asked: set[str] = set()
        self.state.desk.price = lambda session: Shown(session.at_us / S)
        self.finished: Counter[str] = Counter()
        self.sent: list[str] = []
        self.numbers: dict[tuple, int] = {}
        self.keys: dict[str, tuple] = {}
        self.boot_open = False
        self.woken_us = 0
        self.run(Connected(1, 0, "Accepted", 0.5, actions={"GetTransactionStatus", "CostUpdated"}))

    def run(self, message: Message) -> None:
        if type(message) is Tick:
            self.woken_us = 0
        effects = handle(self.state, message, self.now_us)
        for reply in only(effects, Reply):
            self.answered[reply.call.uid] += 1
            key = self.keys.get(reply.call.uid)
            if isinstance(reply.answer, StartAnswer) and key is not None:
                number = reply.answer.transaction
                if key in self.state.recent:
                    assert self.numbers.setdefault(key, number) == number
                assert number not in THEIRS
            for event in reply.events:
                if type(event) is TransactionProgressed and len(only(effects, Reply)) == 1:
                    assert self.state.said.get(event.said, event.transaction) == event.transaction
                if type(event) in (TransactionStarted, TransactionStopped, TransactionProgressed):
                    assert event.transaction not in THEIRS
        state = self.state
        ours = {item[3] for item in state.queue or ()} | {
            f.command.id for f in only(effects, Finish)
        }
        ours |= {send.command.id for send in only(effects, Send)}
        self.asked |= {name for name in ours if name.startswith("own")}
        for finish in only(effects, Finish):
            self.finished[finish.command.id] += 1
        for send in only(effects, Send):
            assert not self.boot_open
            assert self.state.open_command.command.id == send.command.id
            assert send.timeout_us > 0
            self.sent.append(send.command.id)
        for wake in only(effects, Wake):
            assert not self.woken_us or wake.at_us < self.woken_us
            self.woken_us = wake.at_us
            # A Wake that is due at once must have something to do, else it spins.
            assert wake.at_us > self.now_us or type(message) is not Tick
        if only(effects, Close):
            assert not only(effects[effects.index(only(effects, Close)[0]) :], Send)

    def say(self, report: Report) -> str:
        uid = str(len(self.said))
        self.said.append(uid)
        self.run(said(report, uid))
        return uid

    @rule(seconds=st.sampled_from([0, 0.001, 0.4, 5, 30, 700]))
    def time_passes(self, seconds: float) -> None:
        self.now_us += round(seconds * S)
        for _ in range(50):
            if not self.woken_us or self.woken_us > self.now_us:
                return
            self.run(Tick())
        raise AssertionError("it wakes and wakes")

    @rule()
    def boots(self) -> None:
        self.boot_open = True
        self.say(BOOT)

    @rule()
    def boot_leaves(self) -> None:
        self.boot_open = False
        self.run(BootAnswered())

    @rule(
        report=st.one_of(
            st.builds(AuthorizationAsked, TOKENS),
            st.builds(stop, NUMBERS, st.integers(0, 5_000)),
            st.builds(
                lambda number, connector, value, unit: meter(
                    value, transaction=number, connector=connector, unit=unit
                ),
                NUMBERS,
                CONNECTORS,
                st.floats(allow_nan=False, allow_infinity=False),
                st.sampled_from(["Wh", "kWh", "varh"]),
            ),
            st.builds(
                status,
                CONNECTORS,
                st.sampled_from(["Available", "Charging"]),
                st.integers(T0 - S, T0 + 900 * S),
            ),
            st.builds(FirmwareStatusReported, st.sampled_from(["Installed", "Idle"])),
            st.sampled_from(
                [
                    HeartbeatReceived(),
                    DiagnosticsStatusReported("Uploaded"),
                    LogStatusReported("Idle"),
                    SecurityEventReported("X", T0),
                    DataOffered("v", "m", "d"),
                    CertificateAsked("csr"),
                ]
            ),
        )
    )
    def speaks(self, report: Report) -> None:
        self.say(report)

    @rule(connector=CONNECTORS, token=TOKENS, at_s=st.integers(0, 3))
    def starts(self, connector: int, token: str, at_s: int) -> None:
        report = start(connector, token, at_us=T0 + at_s * S)
        key = (connector, report.started_raw, token, report.meter_start_wh)
        if key not in self.state.recent:
            self.numbers.pop(key, None)  # forgotten: the ledger makes its next number an alias
        self.keys[str(len(self.said))] = key
        self.say(report)

    @rule(
        said_id=st.sampled_from(["a", "b", "known"]),
        kind=st.sampled_from(["Started", "Updated", "Updated", "Ended"]),
        seq=st.integers(0, 6),
        connector=CONNECTORS,
        token=st.sampled_from(["", "TAG", "BLOCKED"]),
        at_s=st.integers(0, 3),
        offline=st.booleans(),
    )
    def progresses(self, **fields: Any) -> None:
        at_us = T0 + fields.pop("at_s") * S
        report = TransactionReported(
            fields.pop("said_id"), at_us=at_us, trigger="Authorized", **fields
        )
        self.say(report)

    @rule(open_ones=st.lists(st.sampled_from([7, 101]), unique=True), says=st.booleans())
    def ledger_answers(self, open_ones: list[int], says: bool) -> None:
        seen = tuple(
            OpenTransaction(n, n % 5, "TAG", 1_000, T0, f"known {n}") for n in open_ones if n == 7
        ) + tuple(
            OpenTransaction(55, 3, "TAG", 0, T0, "", said="known", seqs=((0, 2),))
            for n in open_ones
            if n == 101
        )
        self.run(Activated(KnownCharger("CP1", seen) if says else None))

    @rule(
        name=st.sampled_from("abcdefgh"),
        priority=st.integers(0, 3),
        wait_s=st.sampled_from([0, 1, 40, 2_000]),
        follow=FOLLOWS,
    )
    def operator_asks(self, name: str, priority: int, wait_s: int, follow: str) -> None:
        known = f"{name}{self.finished.total() // 3}"
        if self.finished[known]:
            return  # ids are never used again
        self.asked.add(known)
        self.run(
            command(known, deadline_us=self.now_us + wait_s * S, priority=priority, follow=follow)
        )

    @rule(outcome=st.sampled_from(["accepted", "rejected", "error", "timed_out", "refused"]))
    def charger_answers(self, outcome: str) -> None:
        if self.state.open_command is not None:
            self.run(CommandAnswered(self.state.open_command.command.id, Outcome(outcome), {}))

    @rule()
    def connection_goes(self) -> None:
        self.run(Disconnected())

    @invariant()
    def everything_is_answered_at_most_once(self) -> None:
        assert all(count == 1 for count in self.answered.values())
        waiting = {message.call.uid for message in self.state.deferred or ()}
        assert waiting | set(self.answered) == set(self.said)
        assert not waiting & set(self.answered)

    @invariant()
    def every_command_waits_or_has_ended_once(self) -> None:
        assert all(count == 1 for count in self.finished.values())
        here = {item[3] for item in self.state.queue or ()}
        if self.state.open_command is not None:
            here.add(self.state.open_command.command.id)
        assert here | set(self.finished) == self.asked
        assert not here & set(self.finished)
        assert len(self.sent) == len(set(self.sent))

    @invariant()
    def memory_is_bounded(self) -> None:
        state = self.state
        assert len(state.deferred or ()) <= LIMITS["deferred_max"]
        assert len(state.queue or ()) <= LIMITS["commands_max"]
        assert len(state.follows or ()) <= LIMITS["follows_max"]
        assert len(state.recent) <= LIMITS["recent_starts_max"]
        assert len(state.connectors) <= LIMITS["connectors_max"] + 1
        assert set(state.said.values()) <= set(state.transactions)
        assert set(state.looks or ()) <= set(state.transactions)
        running = [seen for seen in state.transactions.values() if seen.open]
        ended = len(state.transactions) - len(running)
        assert len(running) <= LIMITS["recent_starts_max"]
        assert ended <= 3 * LIMITS["recent_starts_max"]

    @invariant()
    def a_connector_has_one_running_transaction(self) -> None:
        connectors = [t.connector for t in self.state.transactions.values() if t.open]
        assert all(count == 1 for c, count in Counter(connectors).items() if c)

    def teardown(self) -> None:
        self.run(Disconnected())
        assert set(self.answered) == set(self.said)
        assert set(self.finished) == self.asked
        assert self.state.open_command is None
        assert not self.state.queue


Laws.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLaws = Laws.TestCase


def test_boot_is_a_helper_that_sends_commands() -> None:
    state = new_state()
    handle(state, command(), T0)
    assert [type(effect) for effect in boot(state)] == [Reply, Send]
