import json
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.codec import decode, encode_call, encode_error, encode_result
from protocol.dialect import OCPP_16, OCPP_21, OCPP_201, meaning
from protocol.errors import ErrorCode, Fault, LocalProtocolError, RemoteProtocolError
from protocol.events import CallReceived
from protocol.frames import FAULTS, Error, Result
from protocol.limits import SessionLimits
from protocol.repairs import repair
from tests.protocol import fuzz_codec

LIMITS = SessionLimits()


def read(text: str | bytes, limits: SessionLimits = LIMITS):
    return decode(text.encode() if isinstance(text, str) else text, limits)


def fault_of(text: str | bytes, limits: SessionLimits = LIMITS) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        read(text, limits)
    return caught.value


class TestFrames:
    """OCPP 1.6-J section 4.2."""

    def test_a_call_is_read_and_keeps_the_bytes_of_its_payload(self):
        assert read('[2, "17", "Authorize", { "idTag":"A" , "n": 1.50}]') == CallReceived(
            "17", "Authorize", {"idTag": "A", "n": 1.5}, b'{ "idTag":"A" , "n": 1.50}'
        )

    def test_a_result_is_read_and_keeps_the_bytes_of_its_payload(self):
        assert read('[3,"17",{"status" :"Accepted"}]') == Result(
            "17", {"status": "Accepted"}, b'{"status" :"Accepted"}'
        )

    def test_an_error_is_read(self):
        assert read('[4,"17","NotSupported","no",{"a":1}]') == Error(
            "17", ErrorCode.NOT_SUPPORTED, "no", {"a": 1}
        )

    @pytest.mark.parametrize("text", ["Grüße", "充電", "\\u00fc\\ud83d\\ude00", "a\\\\u0000b"])
    def test_sound_text_beyond_ascii_is_kept_without_a_flag(self, text):
        frame = read(f'[2,"1","DataTransfer",{{"data":"{text}"}}]')
        assert frame.payload == {"data": json.loads(f'"{text}"')}
        assert frame.flags == ()

    @pytest.mark.parametrize("dialect", [OCPP_16, OCPP_201, OCPP_21])
    @pytest.mark.parametrize("code", ErrorCode)
    def test_every_spelling_of_every_version_is_understood(self, dialect, code):
        frame = read(encode_error("1", dialect.spell(code), "", {}))
        assert dialect.spell(frame.code) == dialect.spell(code)
        assert frame.flags == ()

    def test_the_spellings_that_differ_are_those_of_the_specifications(self):
        assert OCPP_16.spell(ErrorCode.FORMATION) == "FormationViolation"
        assert OCPP_201.spell(ErrorCode.FORMATION) == "FormatViolation"
        assert OCPP_21.spell(ErrorCode.FORMATION) == "FormatViolation"
        assert OCPP_16.spell(ErrorCode.OCCURRENCE_CONSTRAINT) == "OccurenceConstraintViolation"
        assert OCPP_201.spell(ErrorCode.OCCURRENCE_CONSTRAINT) == "OccurrenceConstraintViolation"
        assert OCPP_21.spell(ErrorCode.OCCURRENCE_CONSTRAINT) == "OccurrenceConstraintViolation"
        assert meaning("FormatViolation") is meaning("FormationViolation") is ErrorCode.FORMATION
        slip, right = "OccurenceConstraintViolation", "OccurrenceConstraintViolation"
        assert meaning(slip) is meaning(right) is ErrorCode.OCCURRENCE_CONSTRAINT


class TestEncoding:
    def test_frames_are_compact_json(self):
        assert encode_call("1", "Reset", {"type": "Soft"}) == b'[2,"1","Reset",{"type":"Soft"}]'
        assert encode_result("1", {}) == b'[3,"1",{}]'
        assert encode_error("1", "X", "no", {"a": 1}) == b'[4,"1","X","no",{"a":1}]'

    def test_an_encoded_payload_is_sent_as_it_is(self):
        assert encode_result('"', b'{ "a":1.50 }') == b'[3,"\\"",{ "a":1.50 }]'

    def test_any_mapping_is_a_payload(self):
        inner = MappingProxyType({"a": MappingProxyType({"b": 1})})
        assert encode_result("1", inner) == b'[3,"1",{"a":{"b":1}}]'

    def test_a_long_description_is_cut_to_255_characters(self):
        assert json.loads(encode_error("1", "X", "ü" * 300, {}))[3] == "ü" * 255

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b"null", {"a": object()}, {"a": "\ud800"}, {1.5j: 1}]
    )
    def test_what_is_no_json_object_is_our_own_fault(self, payload):
        with pytest.raises(LocalProtocolError):
            encode_result("1", payload)


class TestTolerance:
    @pytest.mark.parametrize(
        ("text", "flags"),
        [
            ('[2,"1","Heartbeat",null]', ("payload_null",)),
            ('[2,"1","Heartbeat",[]]', ("payload_empty_array",)),
            ('[2,"1","Heartbeat"]', ("payload_missing",)),
            ('[2,"1","Heartbeat",{},{}]', ("extra_elements",)),
            ('[2,"","Heartbeat",{}]', ("uid_empty",)),
            ('[2,17,"Heartbeat",{}]', ("uid_number",)),
            ('[2,-1.5,"Heartbeat",null,1]', ("uid_number", "extra_elements", "payload_null")),
            ('[2,"1\\u0000","Heart\\u0000beat",{}]', ("cleaned:nul",)),
        ],
    )
    def test_small_faults_of_a_call_become_flags(self, text, flags):
        frame = read(text)
        assert (frame.action, frame.payload, frame.flags) == ("Heartbeat", {}, flags)

    @pytest.mark.parametrize(
        ("text", "flags"),
        [
            ('[3,"1",null]', ("payload_null",)),
            ('[3,"1"]', ("payload_missing",)),
            ("[3,1,{}]", ("uid_number",)),
            ('[3,"1",{},0]', ("extra_elements",)),
        ],
    )
    def test_small_faults_of_a_result_become_flags(self, text, flags):
        frame = read(text)
        assert (frame.uid, frame.payload, frame.flags) == ("1", {}, flags)

    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            (
                '"Oops","text",{}',
                (ErrorCode.GENERIC, "text", {}, ("code:Oops",)),
            ),
            ('"SecurityError","text"', (ErrorCode.SECURITY, "text", {}, ("details_missing",))),
            ('"SecurityError","text",null', (ErrorCode.SECURITY, "text", {}, ("details_missing",))),
            (
                '"SecurityError","text",{"a":1e309}',
                (ErrorCode.SECURITY, "text", {}, ("details_missing",)),
            ),
            (
                '"SecurityError"',
                (ErrorCode.SECURITY, "", {}, ("description_missing", "details_missing")),
            ),
            (
                '"SecurityError",null,{"a":1}',
                (ErrorCode.SECURITY, "", {"a": 1}, ("description_missing",)),
            ),
        ],
    )
    def test_an_error_is_read_whatever_it_lacks(self, rest, expected):
        frame = read(f'[4,"1",{rest}]')
        assert (frame.code, frame.description, frame.details, frame.flags) == expected

    def test_an_error_without_anything_is_still_an_error(self):
        assert read('[4,"1"]').code is ErrorCode.GENERIC

    def test_details_hold_cleaned_text(self):
        frame = read('[4,"1","GenericError","",{"a":"b\\u0000"}]')
        assert (frame.details, frame.flags) == ({"a": "b"}, ("cleaned:nul",))

    def test_nul_is_taken_out_of_names_and_values_at_any_depth(self):
        frame = read(r'[2,"1","X",{"a\u0000":["\u0000b",{"c":"d\u0000"},1,null]}]')
        assert frame.payload == {"a": ["b", {"c": "d"}, 1, None]}
        assert frame.flags == ("cleaned:nul",)

    @pytest.mark.parametrize("lone", [r"\ud800", r"\udc00", r"\ud800\ud800", r"\uDEAD\\"])
    def test_half_a_surrogate_pair_is_replaced(self, lone):
        frame = read(rf'[2,"1","X",{{"a":"\ud83d\ude00{lone}"}}]')
        assert frame.payload["a"].startswith("😀�")
        assert frame.flags == ("cleaned:surrogate",)
        frame.payload["a"].encode()

    def test_huge_integers_are_kept(self):
        assert read(f'[2,"1","X",{{"a":{10**30}}}]').payload == {"a": 10**30}


class TestRepairs:
    @pytest.mark.parametrize(
        ("payload", "repaired", "flag"),
        [
            (
                b'{"s":[,{"value":"[,{"}]}',
                {"s": [{"value": "[,{"}]},
                "repaired:leading_comma",
            ),
            (
                b'{"transactionId":,"b":"\\":,"}',
                {"transactionId": None, "b": '":,'},
                "repaired:missing_value",
            ),
            (
                b'{"serial":"A\x00\x01\n",\n"b":1}',
                {"serial": "A", "b": 1},
                "repaired:control_character",
            ),
        ],
    )
    def test_a_known_fault_is_mended_and_flagged(self, payload, repaired, flag):
        frame = read(b'[2,"1","MeterValues",' + payload + b"]")
        assert (frame.payload, frame.flags) == (repaired, (flag,))
        assert msgspec.json.decode(frame.text) == repaired

    def test_several_faults_are_mended_together(self):
        frame = read(b'[2,"1","X",{"a":,"b":[,{"c":"\x00"}]}]')
        assert frame.payload == {"a": None, "b": [{"c": ""}]}
        assert frame.flags == (
            "repaired:leading_comma",
            "repaired:missing_value",
            "repaired:control_character",
        )

    @pytest.mark.parametrize(
        "payload", ['{"a":}', "{,}", '{"a":1,}', "[,1]", "{'a':1}", '{"a":01}', '{"a":[{},]}']
    )
    def test_nothing_else_is_mended(self, payload):
        assert fault_of(f'[2,"1","X",{payload}]').fault is Fault.NOT_JSON

    @pytest.mark.parametrize(
        "filler", [b'\\"', b'"', b"[", b"[ ", b'":', b'" ', b"\\", b"\\ud800", b",", b" "]
    )
    @pytest.mark.parametrize("start", [b'{"a":', b'{"a":"'])
    def test_repairs_stay_linear(self, start, filler):
        # The test's time limit is the judge: a quadratic pattern would take hours here.
        assert repair(start + filler * 200_000)[0].startswith(b'{"a":')

    def test_a_text_beyond_the_repair_limit_is_not_mended(self):
        text = '[2,"1","X",{"a":,"b":1}]'
        assert read(text, SessionLimits(repair_bytes_max=len(text))).flags
        limits = SessionLimits(repair_bytes_max=len(text) - 1)
        assert fault_of(text, limits).fault is Fault.NOT_JSON

    def test_small_faults_are_tolerated_beyond_the_repair_limit(self):
        assert read('[2,5,"X",{}]', SessionLimits(repair_bytes_max=1)).flags == ("uid_number",)


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "fault", "kind", "uid", "action"),
        [
            ("", Fault.NOT_JSON, 0, "", ""),
            ("{}", Fault.NOT_A_FRAME, 0, "", ""),
            ('"x"', Fault.NOT_A_FRAME, 0, "", ""),
            ("[]", Fault.NOT_A_FRAME, 0, "", ""),
            ('["2","1","X",{}]', Fault.NOT_A_FRAME, 0, "", ""),
            ('[2.0,"1","X",{}]', Fault.NOT_A_FRAME, 0, "", ""),
            ('[7,"1","X",{}]', Fault.UNKNOWN_TYPE, 0, "", ""),
            ("[2]", Fault.BAD_UID, 2, "", ""),
            ("[2,null]", Fault.BAD_UID, 2, "", ""),
            ('[2,{},"X",{}]', Fault.BAD_UID, 2, "", ""),
            ('[2,"1"]', Fault.BAD_ACTION, 2, "1", ""),
            ('[2,"1","",{}]', Fault.BAD_ACTION, 2, "1", ""),
            ('[2,"1",5,{}]', Fault.BAD_ACTION, 2, "1", ""),
            ('[2,"1","X",[1]]', Fault.BAD_PAYLOAD, 2, "1", "X"),
            ('[2,"1","X","{}"]', Fault.BAD_PAYLOAD, 2, "1", "X"),
            ('[3,"1",5]', Fault.BAD_PAYLOAD, 3, "1", ""),
            ('[2,"1","X",{"a":1e309}]', Fault.NOT_FINITE, 2, "1", "X"),
            ('[3,"1",{"a":-1e309}]', Fault.NOT_FINITE, 3, "1", ""),
            ('[2,"1","X",{"a":"NaN",}]', Fault.NOT_JSON, 2, "1", "X"),
            ('[2,"1","X",{"a":1}] x', Fault.NOT_JSON, 2, "1", "X"),
            ('[3, 17 ,{"a":1', Fault.NOT_JSON, 3, "17", ""),
            ('[3,"1",{"a":1', Fault.NOT_JSON, 3, "1", ""),
            ('[3,"1', Fault.NOT_JSON, 0, "", ""),
            ('[2,"\\q","X",{}]', Fault.NOT_JSON, 2, "", "X"),
            ("hello", Fault.NOT_JSON, 0, "", ""),
            (b'[2,"1","X",{"a":"\xff"}]', Fault.NOT_UTF8, 2, "1", "X"),
            (b'[2,"\xff","X",{}]', Fault.NOT_UTF8, 2, "", "X"),
            (b'[2,"1","X",{"a":"\xed\xa0\x80"}]', Fault.NOT_UTF8, 2, "1", "X"),
        ],
    )
    def test_what_is_no_frame_tells_what_can_be_recovered(self, text, fault, kind, uid, action):
        problem = fault_of(text)
        assert (problem.fault, problem.kind, problem.uid, problem.action) == (
            fault,
            kind,
            uid,
            action,
        )

    def test_every_fault_has_a_code_and_a_text(self):
        assert set(FAULTS) == set(Fault)

    @pytest.mark.parametrize("kind", [2, 3, 4])
    def test_an_id_beyond_the_limit_is_unusable(self, kind):
        assert read(f'[{kind},"{"i" * 255}","X",{{}}]'.replace('"X",', '"X",' * (kind != 3)))
        problem = fault_of(f'[{kind},"{"i" * 256}","X",{{}}]')
        assert (problem.fault, problem.uid) == (Fault.BAD_UID, "")

    def test_an_unreadable_frame_never_gives_back_an_id_beyond_the_limit(self):
        assert fault_of(f'[2,"{"i" * 256}","X",{{').uid == ""

    def test_an_action_beyond_the_limit_is_no_name(self):
        assert read(f'[2,"1","{"a" * 255}",{{}}]').flags == ()
        assert fault_of(f'[2,"1","{"a" * 256}",{{}}]').fault is Fault.BAD_ACTION


class TestLimits:
    def test_a_frame_at_the_size_limit_is_read_and_one_byte_more_is_not(self):
        text = '[2,"1","X",{}]'
        assert read(text, SessionLimits(frame_bytes_max=len(text)))
        problem = fault_of(text, SessionLimits(frame_bytes_max=len(text) - 1))
        assert (problem.fault, problem.kind, problem.uid) == (Fault.TOO_LARGE, 2, "1")

    @pytest.mark.parametrize(("opener", "closer"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    @pytest.mark.parametrize("filler", ["", "[],{},", r'"[\"{[{",'])
    def test_a_frame_at_the_depth_limit_is_read_and_one_level_more_is_not(
        self, opener, closer, filler
    ):
        # The frame and its payload are two levels, the list in it the third.
        levels = opener.count("[") + opener.count("{")

        def nested(depth: int) -> str:
            inner = opener * (depth // levels) + "0" + closer * (depth // levels)
            return f'[2,"1","X",{{"f":[{filler * 40}{inner}]}}]'

        assert read(nested(28), SessionLimits(depth_max=31))
        assert fault_of(nested(30), SessionLimits(depth_max=31)).fault is Fault.TOO_DEEP

    def test_depth_beyond_any_parser_is_rejected_with_its_id(self):
        problem = fault_of('[2,"1","X",' + "[" * 100_000 + "]" * 100_000 + "]")
        assert (problem.fault, problem.uid) == (Fault.TOO_DEEP, "1")

    @pytest.mark.parametrize("uid", ['"1"', "1"])
    def test_depth_beyond_the_interpreter_is_rejected_even_when_the_limit_allows_it(self, uid):
        limits = SessionLimits(depth_max=1_000_000)
        deep = 50
        while True:
            text = f'[2,{uid},"X",' + '{"a":' * deep + r'"\u0000"' + "}" * deep + "]"
            try:
                assert read(text, limits).flags[-1] == "cleaned:nul"
            except RemoteProtocolError as problem:
                assert (problem.fault, problem.uid) == (Fault.TOO_DEEP, "1")  # noqa: PT017
                break
            deep += 50
        assert deep > 100

    def test_a_truncated_frame_with_many_brackets_is_no_json_rather_than_too_deep(self):
        assert fault_of('[2,"1","X",{"f":[' + "{}," * 100).fault is Fault.NOT_JSON

    @pytest.mark.parametrize(
        "limit", ["frame_bytes_max", "depth_max", "unanswered_calls_max", "late_s"]
    )
    def test_a_senseless_limit_is_refused_by_name(self, limit):
        with pytest.raises(ValueError, match=limit):
            SessionLimits(**{limit: -1})


class TestAnything:
    """Only documented errors escape, whatever comes: see fuzz_codec for what is checked."""

    @given(st.sampled_from(fuzz_codec.SEEDS), st.randoms(use_true_random=False))
    def test_mutated_frames_end_in_a_frame_or_a_documented_fault(self, seed, chance):
        assert fuzz_codec.check(fuzz_codec.mutate(seed, chance))

    @given(st.binary(max_size=200))
    @example(b"[" * 200)
    def test_any_bytes_end_in_a_frame_or_a_documented_fault(self, text):
        assert fuzz_codec.check(text)

    @given(
        st.dictionaries(
            st.text(),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(-(2**53), 2**53)
                | st.text()
                | st.floats(allow_nan=False, allow_infinity=False),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=4,
        ),
        st.text(min_size=1, max_size=255),
    )
    def test_what_is_encoded_is_read_again(self, payload, uid):
        frame = read(encode_call(uid, "X", payload))
        if "cleaned:nul" in frame.flags:
            return
        assert (frame.uid, frame.payload) == (uid, payload)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "Infinity", "1e999", "-2.5E+400"])
def test_a_number_that_is_none_becomes_null_so_that_the_rest_is_kept(number: str) -> None:
    frame = decode(
        f'[2,"1","MeterValues",{{"a":{number},"b":"NaN 1e999"}}]'.encode(), SessionLimits()
    )
    assert isinstance(frame, CallReceived)
    assert frame.payload == {"a": None, "b": "NaN 1e999"}
    assert frame.flags == ("repaired:not_finite",)


@pytest.mark.parametrize(
    "text",
    [b"9" * 1_000_000, b"9." * 300_000, b"1e" + b"0" * 1_000_000, b"-" * 1_000_000],
    ids=["endless_digits", "dots", "zeros", "signs"],
)
def test_mending_takes_linear_time(text: bytes) -> None:
    # Quadratic time would take hours here: the test's own limit of time fails it.
    assert repair(b'{"a":' + text + b"}")[1] == []


@pytest.mark.parametrize("number", [b"1e0000", b"1.5e300", b"1e308", b"12"])
def test_a_finite_number_is_never_mended(number: bytes) -> None:
    assert repair(b'{"a":' + number + b"}") == (b'{"a":' + number + b"}", [])
