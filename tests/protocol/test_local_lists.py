"""What is sent so that a charger has the wanted list, and that the schemas take it."""

import pytest

from protocol.local_lists import Known, Limits, ListEntry, Update, content_hash, contents, plan
from protocol.versions import VERSIONS

ALL = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
T0 = 1_767_225_600_000_000
A, B, C = ListEntry("AA"), ListEntry("BB", parent="G", expires_us=T0), ListEntry("CC")


def words(subprotocol):
    return VERSIONS[subprotocol].list_words


def known(subprotocol, version, *entries):
    return Known(version, contents(words(subprotocol), entries))


def tokens(payload):
    return [
        row.get("idTag") or row["idToken"]["idToken"]
        for row in payload.get("localAuthorizationList", ())
    ]


def is_removal(row):
    return "idTagInfo" not in row and "idTokenInfo" not in row


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("has", [(), (A, C), (A, B, C)], ids=len)
def test_every_payload_obeys_the_schema_of_its_version(name, has) -> None:
    start = known(name, 4, *has)
    for wanted in ((), (A,), (A, B)):
        for payload in plan(words(name), wanted, start, 4, Limits(1)).payloads:
            assert list(VERSIONS[name].schemas.request("SendLocalList").flags(payload)) == []


@pytest.mark.parametrize("name", ALL)
def test_only_what_changed_is_sent_and_removals_go_first(name) -> None:
    start = known(name, 7, A, C, *(ListEntry(f"X{n}") for n in range(5)))
    blocked = A._replace(status="Blocked")
    wanted = [blocked, B, *(ListEntry(f"X{n}") for n in range(5))]
    found = plan(words(name), wanted, start, 7, Limits(50))
    assert (found.update, found.version, len(found.payloads)) == (Update.DIFFERENTIAL, 8, 1)
    (payload,) = found.payloads
    assert tokens(payload) == ["CC", "AA", "BB"]
    assert [is_removal(row) for row in payload["localAuthorizationList"]] == [True, False, False]
    assert payload[words(name).version_sent] == 8


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_sent_to_a_charger_in_step(name) -> None:
    found = plan(words(name), [B, A], known(name, 3, A, B), 3, Limits(50))
    assert (found.update, found.payloads, found.version) == (Update.NONE, (), 3)


@pytest.mark.parametrize(("has", "at"), [(3, 2), (3, 9), (0, 0), (0, 5)])
def test_a_charger_with_another_version_gets_everything_under_a_higher_one(has, at) -> None:
    found = plan(words("ocpp1.6"), [A, B], known("ocpp1.6", has, A), at, Limits(50))
    assert found.update is Update.FULL
    assert found.version == max(has, at) + 1
    assert tokens(found.payloads[0]) == ["AA", "BB"]


def test_a_full_update_is_followed_by_differential_ones_within_the_items_of_a_message() -> None:
    entries = [ListEntry(f"T{n}") for n in range(5)]
    found = plan(words("ocpp2.0.1"), entries, Known(0, {}), 10, Limits(2))
    assert [len(tokens(each)) for each in found.payloads] == [2, 2, 1]
    assert [each["updateType"] for each in found.payloads] == ["Full"] + ["Differential"] * 2
    assert [each["versionNumber"] for each in found.payloads] == [11, 12, 13]
    assert found.version == 13


def test_bytes_of_a_message_are_a_limit_too() -> None:
    import json

    entries = [ListEntry(f"T{n}") for n in range(20)]
    found = plan(words("ocpp2.1"), entries, Known(0, {}), 0, Limits(50, bytes=400))
    assert len(found.payloads) > 5
    assert all(len(json.dumps(each)) < 400 for each in found.payloads)
    assert [t for each in found.payloads for t in tokens(each)] == [e.token for e in entries]


def test_an_empty_list_is_a_full_update_without_entries() -> None:
    found = plan(words("ocpp1.6"), [], known("ocpp1.6", 4, A), 4, Limits(5))
    assert found.payloads == ({"listVersion": 5, "updateType": "Full"},)


def test_a_type_that_changed_is_removed_and_added() -> None:
    rest = [ListEntry(f"X{n}") for n in range(5)]
    start = known("ocpp2.0.1", 4, A, *rest)
    found = plan(words("ocpp2.0.1"), [A._replace(kind="eMAID"), *rest], start, 4, Limits(9))
    rows = found.payloads[0]["localAuthorizationList"]
    assert [row["idToken"]["type"] for row in rows] == ["ISO14443", "eMAID"]
    assert [is_removal(row) for row in rows] == [True, False]


@pytest.mark.parametrize(
    ("name", "entry", "is_taken"),
    [
        ("ocpp1.6", ListEntry("x" * 20), True),
        ("ocpp1.6", ListEntry("x" * 21), False),
        ("ocpp2.0.1", ListEntry("x" * 36), True),
        ("ocpp2.0.1", ListEntry("x", "VIN"), False),
        ("ocpp2.1", ListEntry("x", "VIN"), True),
    ],
)
def test_what_a_version_cannot_write_is_left_out(name, entry, is_taken) -> None:
    assert bool(contents(words(name), [entry])) is is_taken


def test_a_group_has_a_type_of_its_own_and_an_instant_is_written() -> None:
    row = words("ocpp2.0.1").write(B)
    assert row["idTokenInfo"] == {
        "status": "Accepted",
        "cacheExpiryDateTime": "2026-01-01T00:00:00Z",
        "groupIdToken": {"idToken": "G", "type": "Central"},
    }


def test_the_hash_speaks_of_the_content_alone() -> None:
    one, two = (contents(words("ocpp1.6"), order) for order in ([A, B], [B, A]))
    assert content_hash(one) == content_hash(two) != content_hash(contents(words("ocpp1.6"), [A]))
