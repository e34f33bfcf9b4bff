import json
import subprocess
import sys

import pytest

from protocol.dialect import OCPP_16, OCPP_21, OCPP_201
from protocol.errors import ErrorCode, Fault, LocalProtocolError
from protocol.session import (
    CallLost,
    CallReceived,
    CallTimedOut,
    DuplicateCall,
    ErrorReceived,
    FrameRejected,
    LateAnswer,
    ResultReceived,
    Role,
    Session,
    SessionLimits,
    UnmatchedAnswer,
)
from tests.protocol.pair import SECOND_US, T0_US, TIMEOUT_US, SessionPair, other

HEARTBEAT = b'[2,"h1","Heartbeat",{}]'


@pytest.fixture(params=Role, ids=lambda role: role.value)
def us(request):
    return request.param


@pytest.fixture
def them(us):
    return other(us)


@pytest.fixture
def pair():
    return SessionPair()


def new_session(dialect=OCPP_16, **limits):
    return Session(role=Role.CSMS, dialect=dialect, limits=SessionLimits(**limits))


@pytest.fixture
def session():
    return new_session()


def received(session, *texts):
    for text in texts:
        session.receive(text, T0_US)
    return session.take_events()


def sent(session):
    return [json.loads(frame) for frame in session.take_frames()]


class TestCallAndAnswer:
    """OCPP 1.6-J section 4.1; every case for both ends."""

    def test_a_call_arrives_and_its_result_comes_back(self, pair, us, them):
        pair.sessions[us].call("1", "DataTransfer", {"vendorId": "A"}, pair.now_us, TIMEOUT_US)
        pair.settle()
        assert pair.events(them) == [
            CallReceived("1", "DataTransfer", {"vendorId": "A"}, b'{"vendorId":"A"}')
        ]
        pair.now_us += 5
        pair.sessions[them].answer("1", {"status": "Accepted"})
        pair.settle()
        assert pair.events(us) == [
            ResultReceived(
                "1", "DataTransfer", {"status": "Accepted"}, b'{"status":"Accepted"}', T0_US
            )
        ]

    def test_a_call_may_be_answered_with_an_error(self, pair, us, them):
        pair.call(us, "1")
        pair.settle()
        pair.sessions[them].fail("1", ErrorCode.NOT_SUPPORTED, "no", {"a": 1})
        pair.settle()
        assert pair.events(us) == [
            ErrorReceived("1", "Heartbeat", ErrorCode.NOT_SUPPORTED, "no", {"a": 1}, T0_US)
        ]

    def test_calls_may_cross(self, pair):
        for role in Role:
            pair.call(role, role.value)
        pair.settle()
        for role in Role:
            assert [type(event) for event in pair.events(role)] == [CallReceived]
            pair.sessions[role].answer(other(role).value, {})
        pair.settle()
        for role in Role:
            assert [type(event) for event in pair.events(role)] == [ResultReceived]

    def test_a_second_call_has_to_wait_for_the_first(self, pair, us):
        pair.call(us, "1")
        with pytest.raises(LocalProtocolError, match="still open"):
            pair.call(us, "2")
        assert pair.sessions[us].open_call == "1"
        assert len(pair.sessions[us].take_frames()) == 1

    def test_after_an_answer_the_next_call_may_go(self, pair, us, them):
        for uid in ("1", "2"):
            pair.call(us, uid)
            pair.settle()
            pair.sessions[them].answer(uid, {})
            pair.settle()
            assert pair.sessions[us].open_call is None
        assert [event.uid for event in pair.events(us)] == ["1", "2"]

    def test_a_call_that_is_no_json_is_not_sent_and_leaves_the_session_free(self, pair, us):
        with pytest.raises(LocalProtocolError):
            pair.sessions[us].call("1", "X", {"a": object()}, T0_US, TIMEOUT_US)
        assert pair.sessions[us].open_call is None
        assert pair.sessions[us].take_frames() == []

    @pytest.mark.parametrize("uid", ["", "i" * 37])
    def test_our_message_ids_have_1_to_36_characters(self, pair, us, uid):
        with pytest.raises(LocalProtocolError, match="36"):
            pair.call(us, uid)
        pair.call(us, "i" * 36)


class TestTimeouts:
    def test_a_call_without_an_answer_times_out_at_its_deadline(self, pair, us):
        pair.call(us, "1")
        assert pair.sessions[us].due_us() == T0_US + TIMEOUT_US
        pair.pass_time(TIMEOUT_US - 1)
        assert pair.events(us) == []
        pair.pass_time(1)
        assert pair.events(us) == [CallTimedOut("1", "Heartbeat")]
        assert pair.sessions[us].due_us() is None

    def test_a_late_answer_to_our_call_is_reported_and_ignored(self, pair, us, them):
        pair.call(us, "1")
        pair.settle()
        pair.pass_time(TIMEOUT_US + 7)
        pair.sessions[them].answer("1", {"a": 1})
        pair.settle()
        assert pair.events(us) == [
            CallTimedOut("1", "Heartbeat"),
            LateAnswer("1", "Heartbeat", b'{"a":1}', 7),
        ]

    def test_a_late_error_is_reported_with_its_frame(self, pair, us, them):
        pair.call(us, "1")
        pair.settle()
        pair.pass_time(TIMEOUT_US)
        pair.sessions[them].fail("1", ErrorCode.INTERNAL)
        pair.settle()
        assert pair.events(us)[1:] == [
            LateAnswer("1", "Heartbeat", b'[4,"1","InternalError","",{}]', 0)
        ]

    def test_a_late_answer_does_not_end_the_next_call(self, pair, us, them):
        pair.call(us, "1")
        pair.settle()
        pair.pass_time(TIMEOUT_US)
        pair.call(us, "2")
        pair.sessions[them].answer("1", {})
        pair.settle()
        assert pair.sessions[us].open_call == "2"
        pair.sessions[them].answer("2", {})
        pair.settle()
        assert [type(event) for event in pair.events(us)] == [
            CallTimedOut,
            LateAnswer,
            ResultReceived,
        ]

    @pytest.mark.parametrize(("late_s", "kind"), [(600, LateAnswer), (601, UnmatchedAnswer)])
    def test_a_very_late_answer_is_unmatched(self, pair, us, them, late_s, kind):
        pair.call(us, "1")
        pair.settle()
        pair.pass_time(TIMEOUT_US)
        pair.pass_time(late_s * SECOND_US)
        pair.sessions[them].answer("1", {})
        pair.settle()
        assert [type(event) for event in pair.events(us)] == [CallTimedOut, kind]

    def test_a_second_late_answer_is_unmatched(self, pair, us, them):
        pair.call(us, "1")
        pair.settle()
        pair.pass_time(TIMEOUT_US)
        pair.sessions[them].answer("1", {})
        pair.send()
        pair.duplicate(us)
        pair.settle()
        assert [type(event) for event in pair.events(us)] == [
            CallTimedOut,
            LateAnswer,
            UnmatchedAnswer,
        ]

    def test_an_unreadable_late_answer_is_reported_with_its_frame(self, pair, us):
        pair.call(us, "1")
        pair.pass_time(TIMEOUT_US)
        pair.sessions[us].receive(b'[3,"1",{"a"', pair.now_us)
        assert pair.events(us)[1:] == [LateAnswer("1", "Heartbeat", b'[3,"1",{"a"', 0)]

    def test_the_id_of_a_timed_out_call_is_not_used_again(self, pair, us):
        pair.call(us, "1")
        pair.pass_time(TIMEOUT_US)
        with pytest.raises(LocalProtocolError, match="used before"):
            pair.call(us, "1")

    def test_only_the_newest_timed_out_calls_are_remembered(self, us, them):
        pair = SessionPair(limits=SessionLimits(late_calls_max=2))
        for uid in ("1", "2", "3"):
            pair.call(us, uid)
            pair.pass_time(TIMEOUT_US)
        pair.settle()
        pair.events(us)
        for uid in ("1", "2", "3"):
            pair.sessions[them].answer(uid, {})
        pair.settle()
        assert [(type(event), event.uid) for event in pair.events(us)] == [
            (UnmatchedAnswer, "1"),
            (LateAnswer, "2"),
            (LateAnswer, "3"),
        ]


class TestStrayAnswers:
    def test_an_answer_to_nothing_is_reported_and_not_answered(self, session):
        assert received(session, b'[3,"9",{"a":1}]', b'[4,"9","GenericError","",{}]') == [
            UnmatchedAnswer("9", b'{"a":1}'),
            UnmatchedAnswer("9", b'[4,"9","GenericError","",{}]'),
        ]
        assert sent(session) == []

    def test_a_repeated_answer_is_unmatched(self, pair, us, them):
        pair.call(us, "1")
        pair.settle()
        pair.sessions[them].answer("1", {})
        pair.send()
        pair.duplicate(us)
        pair.settle()
        assert [type(event) for event in pair.events(us)] == [ResultReceived, UnmatchedAnswer]

    def test_an_answer_to_another_id_leaves_our_call_open(self, pair, us):
        pair.call(us, "1")
        pair.sessions[us].receive(b'[3,"9",{}]', T0_US)
        assert [type(event) for event in pair.events(us)] == [UnmatchedAnswer]
        assert pair.sessions[us].open_call == "1"

    def test_an_id_that_comes_back_as_a_number_is_ours(self, session):
        session.call("17", "Reset", {}, T0_US, TIMEOUT_US)
        (event,) = received(session, b"[3,17,{}]")
        assert isinstance(event, ResultReceived)
        assert event.flags == ("uid_number",)


class TestOrderOfAnswers:
    """Chargers pipeline CALLs (quirk 21): none is refused, the answers keep their order."""

    def test_answers_leave_in_the_order_of_the_calls(self, session):
        received(session, *(f'[2,"{n}","Heartbeat",{{}}]' for n in range(4)))
        assert session.unanswered == 4
        session.answer("2", {})
        session.fail("1", ErrorCode.GENERIC)
        assert sent(session) == []
        session.answer("0", {})
        assert [frame[:2] for frame in sent(session)] == [[3, "0"], [4, "1"], [3, "2"]]
        assert session.unanswered == 1

    def test_answering_an_unknown_or_answered_call_is_our_own_fault(self, session):
        received(session, HEARTBEAT, b'[2,"h2","Heartbeat",{}]')
        session.answer("h2", {})
        for uid in ("h2", "h3"):
            with pytest.raises(LocalProtocolError, match=uid):
                session.answer(uid, {})
            with pytest.raises(LocalProtocolError, match=uid):
                session.fail(uid, ErrorCode.GENERIC)
        session.answer("h1", {})
        assert len(sent(session)) == 2

    def test_an_answer_that_is_no_json_leaves_the_call_unanswered(self, session):
        received(session, HEARTBEAT)
        with pytest.raises(LocalProtocolError):
            session.answer("h1", {"a": object()})
        session.answer("h1", {})
        assert sent(session) == [[3, "h1", {}]]

    def test_the_refusal_of_a_broken_call_keeps_its_place(self, session):
        received(session, HEARTBEAT, b'[2,"h2","Heartbeat",{"a"]')
        assert sent(session) == []
        session.answer("h1", {})
        assert [frame[:2] for frame in sent(session)] == [[3, "h1"], [4, "h2"]]

    def test_beyond_the_limit_calls_are_neither_taken_nor_answered(self):
        session = new_session(unanswered_calls_max=2)
        received(session, HEARTBEAT, b'[2,"h2","Heartbeat",{}]')
        assert received(session, b'[2,"h3","Heartbeat",{}]', b'[2,"h4",') == [
            FrameRejected(None, Fault.TOO_MANY_CALLS, b'[2,"h3","Heartbeat",{}]', "h3"),
            FrameRejected(ErrorCode.FORMATION, Fault.NOT_JSON, b'[2,"h4",', "h4"),
        ]
        session.answer("h1", {})
        session.answer("h2", {})
        assert [frame[1] for frame in sent(session)] == ["h1", "h2"]
        assert len(received(session, b'[2,"h3","Heartbeat",{}]')) == 1


class TestRepeatedCalls:
    """Some stacks keep the id when they send again, others reuse it at once (quirk 22)."""

    def test_the_same_bytes_get_the_same_answer_again(self, session):
        received(session, HEARTBEAT)
        session.answer("h1", {"currentTime": "T"})
        first = session.take_frames()
        assert received(session, HEARTBEAT) == [DuplicateCall("h1", "Heartbeat", answered=True)]
        assert session.take_frames() == first
        assert session.unanswered == 0

    def test_an_error_is_repeated_too(self, session):
        received(session, HEARTBEAT)
        session.fail("h1", ErrorCode.NOT_IMPLEMENTED, "no")
        first = session.take_frames()
        received(session, HEARTBEAT)
        assert session.take_frames() == first

    def test_a_repeat_of_a_running_call_joins_it(self, session):
        received(session, HEARTBEAT)
        assert received(session, HEARTBEAT) == [DuplicateCall("h1", "Heartbeat", answered=False)]
        session.answer("h1", {})
        assert sent(session) == [[3, "h1", {}]]

    def test_a_repeat_of_a_call_whose_answer_is_held_joins_it(self, session):
        second = b'[2,"h2","Heartbeat",{}]'
        received(session, HEARTBEAT, second)
        session.answer("h2", {})
        assert received(session, second) == [DuplicateCall("h2", "Heartbeat", answered=False)]
        session.answer("h1", {})
        assert [frame[1] for frame in sent(session)] == ["h1", "h2"]

    def test_a_repeated_answer_keeps_its_place_among_the_others(self, session):
        received(session, HEARTBEAT)
        session.answer("h1", {})
        sent(session)
        received(session, b'[2,"h2","Heartbeat",{}]', HEARTBEAT)
        assert sent(session) == []
        session.answer("h2", {})
        assert [frame[1] for frame in sent(session)] == ["h2", "h1"]

    def test_repeats_count_against_the_limit(self):
        session = new_session(unanswered_calls_max=1)
        received(session, HEARTBEAT)
        session.answer("h1", {})
        received(session, b'[2,"h2","Heartbeat",{}]')
        assert received(session, HEARTBEAT) == [
            FrameRejected(None, Fault.TOO_MANY_CALLS, HEARTBEAT, "h1")
        ]

    def test_the_same_id_with_other_content_is_a_new_call(self, session):
        received(session, HEARTBEAT)
        session.answer("h1", {})
        (event,) = received(session, b'[2,"h1","Authorize",{}]')
        assert isinstance(event, CallReceived)
        assert event.flags == ("msgid_reuse",)
        session.answer("h1", {"a": 1})
        assert sent(session) == [[3, "h1", {}], [3, "h1", {"a": 1}]]

    def test_a_reused_id_is_answered_oldest_first_while_both_are_open(self, session):
        received(session, HEARTBEAT, b'[2,"h1","Authorize",{}]')
        session.answer("h1", {"first": True})
        session.answer("h1", {"first": False})
        assert [frame[2]["first"] for frame in sent(session)] == [True, False]

    def test_only_the_newest_calls_are_remembered(self):
        session = new_session(recent_calls_max=2)
        calls = [f'[2,"{n}","Heartbeat",{{}}]'.encode() for n in range(3)]
        for n, call in enumerate(calls):
            received(session, call)
            session.answer(str(n), {})
        assert [type(event) for event in received(session, *reversed(calls))] == [
            DuplicateCall,
            DuplicateCall,
            CallReceived,
        ]

    def test_a_reused_id_is_as_new_as_its_last_use(self):
        session = new_session(recent_calls_max=2)
        reused = b'[2,"h1","Authorize",{}]'
        received(session, HEARTBEAT, b'[2,"h2","Heartbeat",{}]', reused, b'[2,"h3","Heartbeat",{}]')
        assert received(session, reused) == [DuplicateCall("h1", "Authorize", answered=False)]

    def test_without_memory_every_call_is_new(self):
        session = new_session(recent_calls_max=0)
        assert [type(event) for event in received(session, HEARTBEAT, HEARTBEAT)] == [
            CallReceived,
            CallReceived,
        ]


class TestBrokenFrames:
    def test_text_and_bytes_are_the_same_to_a_session(self):
        assert received(new_session(), '[2,"1","X",{"a":"ü"}]') == received(
            new_session(), '[2,"1","X",{"a":"ü"}]'.encode()
        )

    def test_text_that_has_no_utf8_is_rejected(self, session):
        (event,) = received(session, '[2,"1","X",{"a":"\ud800"}]')
        assert (event.code, event.reason) == (ErrorCode.FORMATION, Fault.NOT_UTF8)

    @pytest.mark.parametrize(
        ("dialect", "answer"),
        [
            (OCPP_16, "FormationViolation"),
            (OCPP_201, "FormatViolation"),
            (OCPP_21, "FormatViolation"),
        ],
    )
    def test_a_broken_call_with_a_readable_id_is_refused(self, dialect, answer):
        session = new_session(dialect)
        text = b'[2,"7","MeterValues",{"a":1'
        assert received(session, text) == [
            FrameRejected(ErrorCode.FORMATION, Fault.NOT_JSON, text, "7")
        ]
        ((kind, uid, code, description, details),) = sent(session)
        assert (kind, uid, code, details) == (4, "7", answer, {})
        assert "RFC 8259" in description

    @pytest.mark.parametrize(
        ("dialect", "answers"),
        [
            (OCPP_16, []),
            (OCPP_201, [[4, "-1", "RpcFrameworkError"]]),
            (OCPP_21, [[4, "-1", "RpcFrameworkError"]]),
        ],
    )
    @pytest.mark.parametrize("text", ["", "[]", "{}", "hello", '[2,null,"X",{}]', "[2"])
    def test_an_unreadable_id_is_answered_as_the_version_says(self, dialect, answers, text):
        session = new_session(dialect)
        (event,) = received(session, text)
        assert (event.code, event.uid) == (ErrorCode.FORMATION, "")
        assert [frame[:3] for frame in sent(session)] == answers

    @pytest.mark.parametrize("dialect", [OCPP_16, OCPP_21])
    def test_unknown_message_types_are_ignored(self, dialect):
        session = new_session(dialect)
        assert received(session, '[7,"1","X",{}]') == [
            FrameRejected(None, Fault.UNKNOWN_TYPE, b'[7,"1","X",{}]')
        ]
        assert sent(session) == []

    @pytest.mark.parametrize("text", ['[3,"1",{"a":1', '[3,"1",[1]]', '[4,"1","GenericErr'])
    def test_a_broken_answer_ends_our_call(self, session, text):
        session.call("1", "Reset", {}, T0_US, TIMEOUT_US)
        (event,) = received(session, text)
        assert isinstance(event, ErrorReceived)
        assert (event.uid, event.action, event.code) == ("1", "Reset", ErrorCode.FORMATION)
        assert event.flags[0].startswith("unreadable:")
        assert session.open_call is None
        assert len(sent(session)) == 1

    @pytest.mark.parametrize("dialect", [OCPP_16, OCPP_21])
    def test_a_broken_answer_to_nothing_is_never_answered(self, dialect):
        session = new_session(dialect)
        (event,) = received(session, '[3,"9",{"a":1')
        assert isinstance(event, FrameRejected)
        assert sent(session) == []

    def test_a_broken_call_with_the_id_of_our_call_does_not_end_ours(self, session):
        session.call("1", "Reset", {}, T0_US, TIMEOUT_US)
        (event,) = received(session, '[2,"1","X",{')
        assert isinstance(event, FrameRejected)
        assert session.open_call == "1"

    def test_the_text_of_an_oversized_frame_is_cut(self):
        session = new_session(frame_bytes_max=16)
        (event,) = received(session, '[2,"1","X",{"a":"0123456789"}]')
        assert (event.code, event.text) == (ErrorCode.GENERIC, b'[2,"1","X",{"a":')
        assert sent(session)[0][:3] == [4, "1", "GenericError"]

    @pytest.mark.parametrize("uid", ["i" * 36, "i" * 37])
    def test_a_long_id_is_flagged_and_answered(self, session, uid):
        (event,) = received(session, f'[2,"{uid}","Heartbeat",{{}}]')
        assert event.flags == (("uid_long",) if len(uid) > 36 else ())
        session.answer(uid, {})
        assert sent(session) == [[3, uid, {}]]

    def test_a_reused_long_id_has_both_flags(self, session):
        uid = "i" * 37
        events = received(session, f'[2,"{uid}","A",{{}}]', f'[2,"{uid}","B",null]')
        assert events[1].flags == ("payload_null", "msgid_reuse", "uid_long")


class TestClose:
    def test_the_open_call_is_lost_once(self, pair, us):
        pair.call(us, "1")
        pair.close()
        pair.close()
        assert pair.events(us) == [CallLost("1", "Heartbeat")]
        assert pair.sessions[us].due_us() is None
        assert pair.sessions[us].open_call is None

    def test_without_an_open_call_nothing_is_lost(self, pair, us):
        pair.close()
        assert pair.events(us) == []

    def test_what_was_reported_before_stays_to_be_taken(self, session):
        session.receive(HEARTBEAT, T0_US)
        session.close(T0_US)
        assert [type(event) for event in session.take_events()] == [CallReceived]

    def test_answers_after_the_end_are_dropped(self, session):
        received(session, HEARTBEAT)
        session.close(T0_US)
        session.answer("h1", {})
        session.fail("h1", ErrorCode.GENERIC)
        assert sent(session) == []
        assert session.unanswered == 0

    def test_what_was_not_taken_before_the_end_is_not_sent(self, session):
        received(session, HEARTBEAT)
        session.answer("h1", {})
        session.close(T0_US)
        assert sent(session) == []

    def test_frames_after_the_end_are_not_read(self, session):
        session.close(T0_US)
        assert received(session, HEARTBEAT) == []

    def test_no_call_starts_after_the_end(self, session):
        session.close(T0_US)
        with pytest.raises(LocalProtocolError, match="closed"):
            session.call("1", "Reset", {}, T0_US, TIMEOUT_US)

    def test_time_after_the_end_changes_nothing(self, pair, us):
        pair.call(us, "1")
        pair.close()
        pair.pass_time(TIMEOUT_US)
        assert [type(event) for event in pair.events(us)] == [CallLost]


def test_the_session_loads_nothing_that_a_load_generator_would_replace():
    code = "import protocol.session, sys; print(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = set(run.stdout.split())
    assert "protocol.codec" in loaded
    assert not loaded & {"asyncio", "socket", "ssl", "threading", "selectors", "pydantic", "random"}
