"""What real 1.6 chargers send, and what it must come to. One row a case; links as in the field notes.

Short forms of the links: L = lbbrhzn/ocpp, M = mobilityhouse/ocpp, S = steve-community/steve,
E = evcc-io/evcc, C = citrineos, X = EVerest/libocpp, U = matth-x/MicroOcpp, T = Java-OCA-OCPP,
D = dallmann-consulting/OCPP.Core.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.events import (
    ChargerBooted,
    ConnectorStatusReported,
    EnergyMeasured,
    HeartbeatReceived,
    Sample,
)
from domain.reports import AuthorizationAsked, Report, StartReported, StopReported

NOW_US = 1_777_636_800_000_000
NOW = "2026-05-01T12:00:00Z"
S = 1_000_000
ENERGY = "Energy.Active.Import.Register"


@dataclass(frozen=True, kw_only=True)
class Quirk:
    """A text of a charger, decided by codec, session, schema and reader."""

    number: int
    what: str
    links: str
    sent: tuple[bytes, ...]
    """The texts, in order; the expectations are about all of them together."""
    answers: tuple[bytes, ...] = ()
    """Every frame that we send."""
    flags: frozenset[str] = frozenset()
    """Those of the session and those of the schema."""
    reports: tuple[Report, ...] = ()
    zone: str = ""
    asked: tuple[str, Mapping[str, object]] | None = None
    """A call of ours (id "q") that is open when the texts come."""
    ended: tuple[str, ...] = ()
    """What became of our call and of stray answers: names of session events."""
    accepted: bool | None = None
    """Whether the answer to our call means yes."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A quirk that this level cannot decide."""

    number: int
    what: str
    where: str
    """The room that decides it."""
    test: str = ""
    """path::name of the test that shows it; empty: none yet."""


def meter_values(
    uid: str,
    connector: int = 1,
    sampled: str = '{"value":"15"}',
    at: str = f'"{NOW}"',
    more: str = "",
) -> bytes:
    return (
        f'[2,"{uid}","MeterValues",{{"connectorId":{connector},{more}'
        f'"meterValue":[{{"timestamp":{at},"sampledValue":[{sampled}]}}]}}]'
    ).encode()


def start(uid: str = "1", at: str = f'"{NOW}"', tag: str = '"CARD1"', meter: str = "1000") -> bytes:
    return (
        f'[2,"{uid}","StartTransaction",{{"connectorId":1,"idTag":{tag},"meterStart":{meter},"timestamp":{at}}}]'
    ).encode()


def stop(uid: str = "1", number: str = "5", more: str = "") -> bytes:
    return (
        f'[2,"{uid}","StopTransaction",{{"transactionId":{number},"meterStop":2500,"timestamp":"{NOW}"{more}}}]'
    ).encode()


def measured(*samples: Sample, transaction: int = 0, flags: tuple[str, ...] = ()) -> EnergyMeasured:
    return EnergyMeasured(1, transaction, samples, flags)


def sample(
    value: float = 15.0, measurand: str = ENERGY, unit: str = "Wh", at_us: int = NOW_US, **more: str
) -> Sample:
    return Sample(at_us, measurand, value, unit, **more)


def started(at_us: int = NOW_US, raw: str = NOW, **more: object) -> StartReported:
    fields: dict[str, object] = {"connector": 1, "token": "CARD1", "meter_start_wh": 1000}
    return StartReported(at_us=at_us, started_raw=raw, **(fields | more))  # type: ignore[arg-type]


def stopped(number: int = 5, **more: str) -> StopReported:
    return StopReported(
        said_transaction=number, meter_stop_wh=2500, at_us=NOW_US, stopped_raw=NOW, **more
    )


EMPTY = b'[3,"1",{}]'
STARTED = b'[3,"1",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]'
VALUE = "/meterValue/*/sampledValue/*/value"
GATEWAY = "csms/gateway"
CHARGER = "actors/charger"
ON_SOCKETS = "tests/csms/gateway/test_gateway.py::"
QUIRKY = "tests/csms/gateway/test_quirks.py::"
SOCKETS = "tests/csms/gateway/test_sockets.py::"
ACTOR = "tests/actors/charger/"

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        number=15,
        what="a comma before the first element of a list",
        links="L/1078 (ZJ BENY)",
        sent=(meter_values("1", sampled=',{"value":"15"}'),),
        answers=(EMPTY,),
        flags=frozenset({"repaired:leading_comma"}),
        reports=(measured(sample()),),
    ),
    Quirk(
        number=15,
        what="broken JSON that is not in the list of repairs",
        links="L/1078",
        sent=(b'[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"a":1,}]}]',),
        answers=(b'[4,"1","FormationViolation","the text is not JSON (RFC 8259)",{}]',),
        ended=("FrameRejected",),
    ),
    Quirk(
        number=16,
        what="our call is answered with truncated JSON",
        links="L/176, L/442 (Grizzl-E)",
        asked=("GetConfiguration", {}),
        sent=(b'[3,"q",{"configurationKey":[{"key":"Heartb',),
        ended=("ErrorReceived",),
    ),
    Quirk(
        number=17,
        what="a transactionId without a value",
        links="L/2032 (AEFA)",
        sent=(meter_values("1", more='"transactionId":,'),),
        answers=(EMPTY,),
        flags=frozenset({"repaired:missing_value", "type:/transactionId"}),
        reports=(measured(sample()),),
    ),
    Quirk(
        number=18,
        what="NUL inside strings, escaped",
        links="E#3685 (Wallbe)",
        sent=(b'[2,"1","Authorize",{"idTag":"CARD1\\u0000\\u0000"}]',),
        answers=(b'[3,"1",{"idTagInfo":{"status":"Accepted"}}]',),
        flags=frozenset({"cleaned:nul"}),
        reports=(AuthorizationAsked("CARD1"),),
    ),
    Quirk(
        number=18,
        what="NUL inside strings, raw",
        links="E#3685 (Wallbe)",
        sent=(b'[2,"1","Authorize",{"idTag":"CARD1\x00"}]',),
        answers=(b'[3,"1",{"idTagInfo":{"status":"Accepted"}}]',),
        flags=frozenset({"repaired:control_character"}),
        reports=(AuthorizationAsked("CARD1"),),
    ),
    Quirk(
        number=19,
        what="backslashes at the end of an idTag",
        links="M/415",
        sent=(b'[2,"1","Authorize",{"idTag":"CARD1\\\\\\\\"}]',),
        answers=(b'[3,"1",{"idTagInfo":{"status":"Accepted"}}]',),
        reports=(AuthorizationAsked("CARD1\\\\"),),
    ),
    Quirk(
        number=20,
        what="an answer that nobody waits for, and an answer that comes twice",
        links="U/22, M/251, EVerest PR 2230",
        asked=("Reset", {"type": "Soft"}),
        sent=(
            b'[3,"other",{}]',
            b'[3,"q",{"status":"Accepted"}]',
            b'[3,"q",{"status":"Accepted"}]',
        ),
        ended=("UnmatchedAnswer", "ResultReceived", "UnmatchedAnswer"),
        accepted=True,
    ),
    Quirk(
        number=21,
        what="several CALLs at once",
        links="C#178",
        sent=(b'[2,"1","Heartbeat",{}]', b'[2,"2","Heartbeat",{}]', b'[2,"3","Heartbeat",{}]'),
        answers=tuple(b'[3,"%d",{"currentTime":"2026-05-01T12:00:00Z"}]' % n for n in (1, 2, 3)),
        reports=(HeartbeatReceived(),) * 3,
    ),
    Quirk(
        number=22,
        what="the same bytes again get the same answer and are reported once",
        links="U/50",
        sent=(start(), start()),
        answers=(STARTED, STARTED),
        reports=(started(),),
        ended=("DuplicateCall",),
    ),
    Quirk(
        number=22,
        what="the same id with other content is a new message",
        links="U/50",
        sent=(b'[2,"1","Heartbeat",{}]', stop()),
        answers=(b'[3,"1",{"currentTime":"2026-05-01T12:00:00Z"}]', EMPTY),
        flags=frozenset({"msgid_reuse"}),
        reports=(HeartbeatReceived(), stopped()),
    ),
    Quirk(
        number=23,
        what="serial numbers of 26 to 34 characters",
        links="L/1622, L/213, L/1155, M/122, M/128, M/273 (Schneider, Siemens)",
        sent=(
            b'[2,"1","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One","chargePointSerialNumber":"'
            + b"S" * 34
            + b'"}]',
        ),
        answers=(
            b'[3,"1",{"status":"Accepted","currentTime":"2026-05-01T12:00:00Z","interval":300}]',
        ),
        flags=frozenset({"length:/chargePointSerialNumber"}),
        reports=(ChargerBooted("Acme", "One", "S" * 34),),
    ),
    Quirk(
        number=24,
        what="an idTag longer than was ever sent",
        links="L/1803 (Sigen)",
        sent=(stop(more=',"idTag":"CARD1' + "~" * 60 + '"'),),
        answers=(EMPTY,),
        flags=frozenset({"length:/idTag"}),
        reports=(stopped(token="CARD1" + "~" * 60),),
    ),
    Quirk(
        number=25,
        what="a number where the sampled value is a string",
        links="M/377, M/353",
        sent=(meter_values("1", sampled='{"value":15}'),),
        answers=(EMPTY,),
        flags=frozenset({f"type:{VALUE}"}),
        reports=(measured(sample(), flags=(f"coerced:{VALUE}",)),),
    ),
    Quirk(
        number=26,
        what="no sampled values at all",
        links="L/466",
        sent=(meter_values("1", sampled=""),),
        answers=(EMPTY,),
        flags=frozenset({"length:/meterValue/*/sampledValue"}),
        reports=(measured(),),
    ),
    Quirk(
        number=27,
        what="Hertz, Celsius and Celcius",
        links="M PR 70, L/1969, OCPP-J errata 2.1 and 2.2",
        sent=(
            meter_values(
                "1",
                sampled='{"value":"50","measurand":"Frequency","unit":"Hertz"},'
                '{"value":"20","measurand":"Temperature","unit":"Celsius"},'
                '{"value":"21","measurand":"Temperature","unit":"Celcius"}',
            ),
        ),
        answers=(EMPTY,),
        reports=(
            measured(
                sample(50, "Frequency", "Hz"),
                sample(20, "Temperature", "Celsius"),
                sample(21, "Temperature", "Celsius"),
            ),
        ),
    ),
    Quirk(
        number=28,
        what="own notations, no unit, a phase on a register, a lone N, kWh among Wh",
        links="E PR 16255 (Mennekes), E PR 19405, E PR 19590",
        sent=(
            meter_values(
                "1",
                sampled='{"value":"1","measurand":"Voltage.L1"},{"value":"2","phase":"L1"},'
                '{"value":"3","measurand":"Current.Import","phase":"N"},{"value":"4","unit":"kWh"}',
            ),
        ),
        answers=(EMPTY,),
        flags=frozenset({"enum:/meterValue/*/sampledValue/*/measurand"}),
        reports=(
            measured(
                sample(1, "Voltage", "V", phase="L1"),
                sample(2, phase="L1"),
                sample(3, "Current.Import", "A", phase="N"),
                sample(4, unit="kWh"),
                flags=("coerced:/meterValue/*/sampledValue/*/measurand",),
            ),
        ),
    ),
    Quirk(
        number=30,
        what="more digits than the schema wants: never rounded",
        links="M messages.py",
        sent=(meter_values("1", sampled='{"value":"21.399999"}'),),
        answers=(EMPTY,),
        reports=(measured(sample(21.399999)),),
    ),
    Quirk(
        number=31,
        what="StopTransaction without a reason is Local",
        links="OCPP-J errata 2.6",
        sent=(stop(),),
        answers=(EMPTY,),
        reports=(stopped(reason="Local"),),
    ),
    Quirk(
        number=32,
        what="ChangeAvailability is Scheduled: a yes that is still to come",
        links="E PR 23713",
        asked=("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        sent=(b'[3,"q",{"status":"Scheduled"}]',),
        ended=("ResultReceived",),
        accepted=True,
    ),
    Quirk(
        number=33,
        what="a status of connector 0, the charger as a whole",
        links="E PR 15300, C PR 510, S#1906",
        sent=(
            f'[2,"1","StatusNotification",{{"connectorId":0,"errorCode":"NoError","status":"Available","timestamp":"{NOW}"}}]'.encode(),
        ),
        answers=(EMPTY,),
        reports=(ConnectorStatusReported(0, "Available", NOW_US),),
    ),
    Quirk(
        number=34,
        what="a status without a timestamp has the receive time",
        links="S PR 2003",
        sent=(
            b'[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]',
        ),
        answers=(EMPTY,),
        reports=(ConnectorStatusReported(1, "Available", NOW_US, quality="missing"),),
    ),
    Quirk(
        number=37,
        what="a time without a zone is UTC",
        links="E#10399 (Growatt), L/2032",
        sent=(start(at='"2026-05-01T11:00:00"'),),
        answers=(STARTED,),
        reports=(started(NOW_US - 3600 * S, "2026-05-01T11:00:00", quality="no_zone"),),
    ),
    Quirk(
        number=37,
        what="a time without a zone is local when the charger's zone is configured",
        links="E#10399 (Growatt)",
        zone="Europe/Berlin",
        sent=(start(at='"2026-05-01T13:00:00"'),),
        answers=(STARTED,),
        reports=(started(NOW_US - 3600 * S, "2026-05-01T13:00:00", quality="no_zone"),),
    ),
    Quirk(
        number=38,
        what="a short offset",
        links="monta-app/ocpp-emulator #53, #5",
        sent=(start(at='"2026-05-01T14:00:00+03"'),),
        answers=(STARTED,),
        reports=(started(NOW_US - 3600 * S, "2026-05-01T14:00:00+03"),),
    ),
    Quirk(
        number=39,
        what="1970",
        links="U/354",
        sent=(start(at='"1970-01-01T00:00:12Z"'),),
        answers=(STARTED,),
        reports=(started(NOW_US, "1970-01-01T00:00:12Z", quality="absurd"),),
    ),
    Quirk(
        number=40,
        what="a year of nine digits",
        links="oss-security msg01271",
        sent=(start(at='"222222017-10-27T19:10:11Z"'),),
        answers=(STARTED,),
        flags=frozenset({"format:/timestamp"}),
        reports=(started(NOW_US, "222222017-10-27T19:10:11Z", quality="absurd"),),
    ),
    Quirk(
        number=41,
        what="our own times have neither fraction nor offset",
        links="L/512, mikuso/ocpp-rpc#42",
        sent=(b'[2,"1","Heartbeat",{}]',),
        answers=(b'[3,"1",{"currentTime":"2026-05-01T12:00:00Z"}]',),
        reports=(HeartbeatReceived(),),
    ),
    Quirk(
        number=42,
        what="values after the stop, out of order, at one and the same time",
        links="S PR 1991, S PR 1993, E PR 15641, X/445",
        sent=(
            stop(),
            meter_values("2", at='"2026-05-01T11:59:59Z"', sampled='{"value":"9"},{"value":"8"}'),
            meter_values("3", at='"2026-05-01T11:59:58Z"'),
        ),
        answers=(EMPTY, b'[3,"2",{}]', b'[3,"3",{}]'),
        reports=(
            stopped(),
            measured(sample(9, at_us=NOW_US - S), sample(8, at_us=NOW_US - S)),
            measured(sample(15, at_us=NOW_US - 2 * S)),
        ),
    ),
    Quirk(
        number=44,
        what="transaction -1 of a session that began offline",
        links="X/495, c-jimenez/open-ocpp#24, errata 3.18",
        sent=(meter_values("1", more='"transactionId":-1,'), stop("2", "-1")),
        answers=(EMPTY, b'[3,"2",{}]'),
        reports=(measured(sample(), transaction=-1), stopped(-1)),
    ),
    Quirk(
        number=45,
        what="transaction 0 where there is one",
        links="mikuso/ocpp-rpc#82, woopstar/hsem PR 907",
        sent=(stop(number="0"),),
        answers=(EMPTY,),
        reports=(stopped(0),),
    ),
    Quirk(
        number=46,
        what="a stop of a transaction that we never knew is answered",
        links="ConnectorIO PR 199, D/31",
        sent=(stop(number="987654"),),
        answers=(EMPTY,),
        reports=(stopped(987654),),
    ),
    Quirk(
        number=47,
        what="a stop with -1 after ConcurrentTx is answered",
        links="D/55 (Hager)",
        sent=(stop(number="-1", more=',"reason":"DeAuthorized"'),),
        answers=(EMPTY,),
        reports=(stopped(-1, reason="DeAuthorized"),),
    ),
    Quirk(
        number=52,
        what="a meterStop below the values that came before",
        links="L/1069",
        sent=(meter_values("1", sampled='{"value":"9000"}'), stop("2")),
        answers=(EMPTY, b'[3,"2",{}]'),
        reports=(measured(sample(9000)), stopped()),
    ),
)

ELSEWHERE: tuple[Elsewhere, ...] = (
    Elsewhere(
        number=1,
        what="no Sec-WebSocket-Protocol",
        where=GATEWAY,
        test=QUIRKY + "test_q1_a_charger_whose_record_names_a_version_may_offer_none",
    ),
    Elsewhere(
        number=2,
        what="no Connection: Upgrade",
        where=GATEWAY,
        test=QUIRKY + "test_q2_a_request_without_connection_upgrade_is_refused",
    ),
    Elsewhere(
        number=3,
        what="identity percent-encoded or in another case",
        where=GATEWAY,
        test=ON_SOCKETS + "test_paths_that_chargers_in_the_field_use_lead_to_the_same_identity",
    ),
    Elsewhere(
        number=4,
        what="slashes and extra segments in the path",
        where=GATEWAY,
        test=ON_SOCKETS + "test_paths_that_chargers_in_the_field_use_lead_to_the_same_identity",
    ),
    Elsewhere(
        number=5,
        what="AuthorizationKey as hex text or as bytes",
        where=GATEWAY,
        test=ON_SOCKETS + "test_a_generated_key_fits_as_text_and_as_bytes",
    ),
    Elsewhere(
        number=6,
        what="another version on the next connection",
        where=GATEWAY,
        test=QUIRKY + "test_q6_each_connection_has_the_version_that_it_agreed_on",
    ),
    Elsewhere(
        number=7,
        what="no pong",
        where=GATEWAY,
        test=SOCKETS + "test_a_charger_that_never_sends_a_pong_stays_as_long_as_it_talks",
    ),
    Elsewhere(
        number=8,
        what="connect, close, connect within milliseconds",
        where=GATEWAY,
        test=QUIRKY + "test_q8_connect_close_connect_within_milliseconds_leaves_no_ghost",
    ),
    Elsewhere(
        number=9,
        what="heartbeats come, CALLs are ignored",
        where=GATEWAY,
        test=QUIRKY + "test_q9_a_charger_that_talks_but_ignores_calls_is_sent_away",
    ),
    Elsewhere(
        number=10,
        what="drops the link when answered too fast",
        where=GATEWAY,
        test=QUIRKY + "test_q10_a_charger_that_wants_slow_answers_gets_them_in_order",
    ),
    Elsewhere(
        number=11,
        what="broken by a CALL before BootNotification",
        where=CHARGER,
        test=QUIRKY + "test_q11_no_call_comes_before_the_answer_to_the_boot",
    ),
    Elsewhere(
        number=12,
        what="no BootNotification on reconnect",
        where=CHARGER,
        test=QUIRKY + "test_q12_a_charger_that_does_not_boot_again_is_served_and_gets_commands",
    ),
    Elsewhere(
        number=13,
        what="boot loops",
        where=CHARGER,
        test=ACTOR + "test_boot.py::test_a_boot_loop_is_answered_every_time_and_sends_nothing_else",
    ),
    Elsewhere(
        number=14,
        what="TriggerMessage ignored or rejected",
        where=CHARGER,
        test=QUIRKY + "test_q14_a_rejected_trigger_ends_as_rejected_and_nothing_depends_on_it",
    ),
    Elsewhere(
        number=29,
        what="configuration keys in lower case",
        where="protocol",
        test="tests/protocol/test_redact.py::test_only_the_secret_values_of_get_configuration_are_hidden",
    ),
    Elsewhere(
        number=35,
        what="many first statuses at once",
        where=CHARGER,
        test=QUIRKY + "test_q35_many_first_statuses_at_once_are_all_kept_and_answered",
    ),
    Elsewhere(
        number=36,
        what="clock wrong until the boot is answered",
        where=CHARGER,
        test="tests/csms/gateway/test_offset.py::"
        "test_a_clock_that_is_ahead_is_flagged_until_it_is_known_and_again_after_a_boot",
    ),
    Elsewhere(
        number=43,
        what="a start again, under another id",
        where=CHARGER,
        test=ON_SOCKETS + "test_the_same_start_sent_again_gets_the_same_number",
    ),
    Elsewhere(
        number=48,
        what="a stop again, after a reboot",
        where=CHARGER,
        test=ACTOR
        + "test_transactions.py::test_a_stop_that_comes_again_is_kept_again_and_releases_nothing",
    ),
    Elsewhere(
        number=49,
        what="a stop without its start",
        where=CHARGER,
        test=ACTOR + "test_transactions.py::test_a_stop_without_its_start_is_kept_for_the_ledger",
    ),
    Elsewhere(
        number=50,
        what="every second Updated event is dropped (2.x only)",
        where=GATEWAY,
        test=QUIRKY + "test_q50_events_that_were_dropped_keep_no_other_from_being_taken",
    ),
    Elsewhere(
        number=51,
        what="a meter that counts from the session's start",
        where=CHARGER,
        test=ACTOR
        + "test_transactions.py::test_a_meter_that_counts_from_the_sessions_start_is_flagged_once_and_kept",
    ),
    Elsewhere(
        number=53,
        what="RemoteStart and StartTransaction cross",
        where=CHARGER,
        test=ACTOR
        + "test_outbox.py::test_a_start_that_crosses_its_remote_start_is_answered_meanwhile",
    ),
    Elsewhere(
        number=54,
        what="Available while a transaction is open",
        where=CHARGER,
        test=ACTOR
        + "test_transactions.py::test_a_connector_that_becomes_available_has_lost_its_stop",
    ),
)
