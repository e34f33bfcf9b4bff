"""Two joined sessions under every fault that a network and a charger's firmware can make up."""

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from protocol.dialect import OCPP_16, OCPP_21, OCPP_201
from protocol.errors import ErrorCode
from protocol.session import (
    AnswerRefused,
    CallLost,
    CallReceived,
    CallTimedOut,
    DuplicateCall,
    ErrorReceived,
    LateAnswer,
    ResultReceived,
    Role,
    SendReceived,
    Session,
    SessionLimits,
    UnmatchedAnswer,
)
from tests.protocol import fuzz_codec
from tests.protocol.pair import SECOND_US, T0_US, TIMEOUT_US, SessionPair, other

ROLES = st.sampled_from(list(Role))
ENDS = (ResultReceived, ErrorReceived, CallTimedOut, CallLost)
LIMITS = SessionLimits(unanswered_calls_max=4, recent_calls_max=3, late_calls_max=2)


class JoinedSessions(RuleBasedStateMachine):
    """Every CALL ends exactly once, and answers leave in the order of the CALLs.

    A SEND is heard and not answered, whatever else is open.
    """

    @initialize(dialect=st.sampled_from([OCPP_16, OCPP_21, OCPP_201]))
    def start(self, dialect):
        self.pair = SessionPair(dialect, LIMITS)
        self.dialect = dialect
        self.told: dict[Role, list[str]] = {role: [] for role in Role}
        self.refused: dict[Role, list[str]] = {role: [] for role in Role}
        self.count = 0
        self.called: dict[Role, list[str]] = {role: [] for role in Role}
        self.ended: dict[Role, Counter[str]] = {role: Counter() for role in Role}
        # Ids in the order in which their answers must leave, and what may be answered by us.
        self.owed: dict[Role, list[str]] = {role: [] for role in Role}
        self.waiting: dict[Role, list[str]] = {role: [] for role in Role}

    def look(self):
        """Drain both ends, and check every event and frame against what may be."""
        for role, session in self.pair.sessions.items():
            for event in session.take_events():
                match event:
                    case CallReceived():
                        assert event.uid in self.called[other(role)]
                        self.owed[role].append(event.uid)
                        self.waiting[role].append(event.uid)
                    case SendReceived():
                        assert event.uid in self.told[other(role)]
                    case AnswerRefused():
                        assert event.uid in self.refused[other(role)]
                    case DuplicateCall(uid=uid) if uid.startswith("s"):
                        assert uid in self.told[other(role)]
                    case DuplicateCall(answered=True):
                        self.owed[role].append(event.uid)
                    case DuplicateCall():
                        assert event.uid in self.owed[role]
                    case LateAnswer():
                        assert self.ended[role][event.uid] == 1
                    case UnmatchedAnswer():
                        assert event.uid in self.called[role]
                        assert event.uid != session.open_call
                    case _ if isinstance(event, ENDS):
                        self.ended[role][event.uid] += 1
            for frame in session.take_frames():
                kind, uid = json.loads(frame)[:2]
                if kind in (3, 4):
                    assert self.owed[role].pop(0) == uid
                self.pair.wires[other(role)].append(frame)

    @rule(role=ROLES)
    def call(self, role):
        if self.pair.sessions[role].open_call is None:
            self.count += 1
            self.called[role].append(str(self.count))
            self.pair.call(role, str(self.count))
            self.look()

    @rule(role=ROLES, choice=st.integers(0, 9), well=st.booleans())
    def answer(self, role, choice, well):
        if waiting := self.waiting[role]:
            uid = waiting.pop(choice % len(waiting))
            session = self.pair.sessions[role]
            if well:
                session.answer(uid, {"to": uid})
            else:
                session.fail(uid, ErrorCode.INTERNAL, uid)
            self.look()

    @rule(role=ROLES)
    def tell(self, role):
        """A SEND may be sent at any time."""
        if self.dialect.extended:
            self.count += 1
            uid = f"s{self.count}"
            self.told[role].append(uid)
            self.pair.sessions[role].send(uid, "NotifyPeriodicEventStream", {})
            self.look()

    @rule(role=ROLES, choice=st.integers(0, 9))
    def refuse(self, role, choice):
        """Say that an answer was of no use: nothing follows from it."""
        if ended := list(self.ended[role]):
            uid = ended[choice % len(ended)]
            self.refused[role].append(uid)
            self.pair.sessions[role].refuse(uid, ErrorCode.FORMATION, "of no use")
            self.look()

    @rule(to=ROLES)
    def deliver(self, to):
        if self.pair.wires[to]:
            self.pair.deliver(to)
            self.look()

    @rule(
        to=ROLES,
        fault=st.sampled_from(["drop", "duplicate", "reorder", "delay"]),
        choice=st.integers(0, 9),
    )
    def disturb(self, to, fault, choice):
        if wire := self.pair.wires[to]:
            getattr(self.pair, fault)(to, choice % len(wire))

    @rule()
    def resume(self):
        self.pair.resume()

    @rule(duration_us=st.sampled_from([1, SECOND_US, TIMEOUT_US, 601 * SECOND_US]))
    def pass_time(self, duration_us):
        self.pair.pass_time(duration_us)
        self.look()

    @invariant()
    @precondition(lambda self: hasattr(self, "pair"))
    def only_the_open_call_has_not_ended(self):
        for role, session in self.pair.sessions.items():
            running = [uid for uid in self.called[role] if not self.ended[role][uid]]
            assert running == ([session.open_call] if session.open_call else [])
            assert (session.due_us() is None) == (not running)
            assert session.unanswered == len(self.owed[role]) <= LIMITS.unanswered_calls_max

    def teardown(self):
        if hasattr(self, "pair"):
            self.pair.close()
            self.look()
            for role in Role:
                assert self.ended[role] == Counter(self.called[role])


TestJoinedSessions = JoinedSessions.TestCase
TestJoinedSessions.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

UIDS = st.sampled_from(["1", "2", "ours"])
INBOUND = st.one_of(
    st.builds(
        lambda uid, action, n: json.dumps([2, uid, action, {"n": n}]).encode(),
        UIDS,
        st.sampled_from(["Heartbeat", "Authorize"]),
        st.integers(0, 1),
    ),
    st.builds(lambda uid: json.dumps([3, uid, {}]).encode(), UIDS),
    st.builds(
        fuzz_codec.mutate,
        st.sampled_from(fuzz_codec.SEEDS),
        st.randoms(use_true_random=False),
    ),
)


@given(texts=st.lists(INBOUND, max_size=12), data=st.data())
def test_the_same_frames_in_any_batching_give_the_same_events_and_frames(texts, data):
    def run(breaks):
        session = Session(role=Role.CSMS, dialect=OCPP_21, limits=SessionLimits())
        session.call("ours", "Reset", {}, T0_US, TIMEOUT_US)
        events, frames = [], []
        for index, text in enumerate(texts):
            session.receive(text, T0_US)
            if index in breaks:
                events += session.take_events()
                frames += session.take_frames()
        events += session.take_events()
        for event in events:
            if isinstance(event, CallReceived):
                session.answer(event.uid, {})
        return events, frames + session.take_frames()

    breaks = data.draw(st.sets(st.integers(0, 11)))
    assert run(breaks) == run(frozenset())


@given(texts=st.lists(INBOUND, max_size=30))
def test_whatever_comes_no_memory_grows_beyond_its_limit(texts):
    session = Session(role=Role.CSMS, dialect=OCPP_16, limits=LIMITS)
    for text in texts:
        session.receive(text, T0_US)
        assert session.unanswered <= LIMITS.unanswered_calls_max
        assert len(session._recent or ()) <= LIMITS.recent_calls_max
