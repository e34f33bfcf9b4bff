import json
from typing import Any

import pytest

from protocol.redact import (
    hide_in_urls,
    hide_key_codes,
    hide_members,
    is_secret_name,
    redact,
    redact_unreadable,
)
from protocol.v16 import V16

SECRET = "DEADBEEF00112233445566778899AABBCCDDEEFF"


def redacted(payload: dict[str, Any]) -> dict[str, Any]:
    text = redact(payload, json.dumps(payload).encode())
    assert SECRET.encode() not in text
    return json.loads(text)


@pytest.mark.parametrize(
    "key",
    [
        "AuthorizationKey",
        "authorizationkey",
        " AUTHORIZATIONKEY ",
        "Authorization_Key",
        "WifiPassword",
        "ApiToken",
        "MqttSecret",
    ],
)
def test_the_value_of_a_secret_configuration_key_is_hidden_in_change_configuration(
    key: str,
) -> None:
    assert redacted({"key": key, "value": SECRET}) == {"key": key, "value": "***"}


@pytest.mark.parametrize(
    "key",
    [
        "HeartbeatInterval",
        "AuthorizeRemoteTxRequests",
        "LocalAuthListMaxLength",
        "AuthorizationCacheEnabled",
        "SecurityProfile",
        "StopTransactionOnInvalidId",
        "CertificateSignedMaxChainSize",
    ],
)
def test_other_configuration_keys_stay(key: str) -> None:
    payload = {"key": key, "value": "300"}
    text = json.dumps(payload).encode()
    assert redact(payload, text) is text


def test_only_the_secret_values_of_get_configuration_are_hidden() -> None:
    answer = {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"value": SECRET, "key": "AuthorizationKey", "readonly": False},
            {"Key": "authorizationKey", "Value": SECRET},
            {"key": "AuthorizationKey", "readonly": True},
        ],
        "unknownKey": ["x"],
    }
    keys = redacted(answer)["configurationKey"]
    assert [entry.get("value", entry.get("Value")) for entry in keys] == ["300", "***", "***", None]


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        (f"ftp://user:{SECRET}@host/dir", "ftp://user:***@host/dir"),
        (f"ftp://user:a/{SECRET}@b@host/dir", "ftp://user:***@host/dir"),
        (f"https://{SECRET}@host/fw.bin", "https://***@host/fw.bin"),
        (
            f"https://host/f?X-Amz-Signature={SECRET}&part=1",
            "https://host/f?X-Amz-Signature=***&part=1",
        ),
        (f"https://host/f?sv=1&sig={SECRET}", "https://host/f?sv=1&sig=***"),
        ("https://host/fw.bin?part=1", "https://host/fw.bin?part=1"),
        ("no url user:pass@host", "no url user:pass@host"),
    ],
)
def test_urls_lose_their_passwords_and_signatures(url: str, clean: str) -> None:
    assert hide_in_urls(url) == clean


@pytest.mark.parametrize(
    "payload",
    [
        {"location": f"ftp://user:{SECRET}@host/"},
        {
            "requestId": 1,
            "log": {"remoteLocation": f"sftp://user:{SECRET}@host/"},
            "logType": "SecurityLog",
        },
        {
            "requestId": 1,
            "firmware": {"location": f"ftps://user:{SECRET}@host/", "signature": "abc"},
        },
        {"vendorId": "acme", "data": json.dumps({"wifi": {"password": SECRET}})},
        {"vendorId": "acme", "data": '{"password": "' + SECRET},
        {"vendorId": "acme", "data": {"privateKey": SECRET}},
    ],
)
def test_no_secret_of_any_payload_is_left(payload: dict[str, Any]) -> None:
    redacted(payload)


def test_a_signature_of_firmware_and_an_id_token_are_no_secrets() -> None:
    payload = {
        "firmware": {"location": "https://host/fw", "signature": "abc"},
        "idToken": "C1",
        "idTag": "C2",
    }
    text = json.dumps(payload).encode()
    assert redact(payload, text) is text


def test_the_payload_itself_is_not_changed() -> None:
    payload = {"key": "AuthorizationKey", "value": SECRET}
    redact(payload, b"")
    assert payload["value"] == SECRET


def test_a_payload_of_any_depth_is_redacted() -> None:
    deep: dict[str, Any] = {"password": SECRET}
    for _ in range(500):
        deep = {"a": deep}
    assert SECRET.encode() not in redact(deep, b"text")


def test_a_broken_frame_with_a_secret_keeps_only_its_length() -> None:
    broken = b'[3,"1",{"configurationKey":[{"key":"AuthorizationKey","value":"' + SECRET.encode()
    assert redact_unreadable(broken) == b"[redacted: %d bytes]" % len(broken)


def test_a_broken_frame_without_a_secret_stays_as_it_is() -> None:
    assert redact_unreadable(b'[2,"1",\xff{') == b'[2,"1",\xff{'
    assert redact_unreadable(b'[2,"1","ftp://u:p@h"') == b'[2,"1","ftp://u:***@h"'


def test_the_rows_that_carry_secrets_say_so() -> None:
    assert {name for name, row in V16.outbound.items() if row.secret_request} == {
        "ChangeConfiguration",
        "DataTransfer",
        "GetDiagnostics",
        "GetLog",
        "SignedUpdateFirmware",
        "UpdateFirmware",
    }
    assert {name for name, row in V16.outbound.items() if row.secret_response} == {
        "DataTransfer",
        "GetConfiguration",
    }
    assert is_secret_name("AuthorizationKey")


def test_a_pin_is_hidden_wherever_it_is_shown_and_cards_are_not() -> None:
    pin, card = {"idToken": SECRET, "type": "KeyCode"}, {"idToken": "C1", "type": "ISO14443"}
    payload = {"list": [{"idToken": pin}, {"idToken": card}], "groupIdToken": pin}
    text = hide_key_codes(json.dumps(payload).encode())
    assert json.loads(text) == {
        "list": [{"idToken": pin | {"idToken": "***"}}, {"idToken": card}],
        "groupIdToken": pin | {"idToken": "***"},
    }
    shown = json.dumps({"idToken": card}).encode()
    assert hide_key_codes(shown) is shown


def test_a_pin_in_what_cannot_be_read_is_hidden_with_all_around_it() -> None:
    broken = b'{"idToken": {"type": "KeyCode", "idToken": "' + SECRET.encode()
    assert hide_key_codes(broken) == b"[redacted: %d bytes]" % len(broken)


EXI = frozenset({"exiRequest"})


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"action": "Install", "exiRequest": SECRET}),
        "  " + json.dumps({"exiRequest": SECRET}),
        '{"\\u0065xiRequest":"' + SECRET + '"}',
        {"exiRequest": SECRET, "action": "Install"},
        '{"exiRequest":"' + SECRET,
    ],
    ids=["text", "after spaces", "escaped", "object", "broken"],
)
def test_members_are_hidden_in_the_message_that_a_data_transfer_carries(data: object) -> None:
    payload = {"vendorId": "V", "messageId": "M", "data": data}
    clean, text = hide_members(payload, json.dumps(payload).encode(), EXI)
    assert SECRET.encode() not in text
    assert json.loads(text) == clean
    assert clean["messageId"] == "M"
    assert payload["data"] is data


@pytest.mark.parametrize("data", ['{"a":1}', "{ no JSON", "exiRequest", "[1]", {"a": 1}, None, 7])
def test_nothing_else_in_a_data_transfer_is_touched(data: object) -> None:
    payload = {"vendorId": "V", "data": data}
    text = json.dumps(payload).encode()
    assert hide_members(payload, text, EXI) == (payload, text)
    assert hide_members(payload, text, EXI)[1] is text


def test_an_unreadable_frame_that_speaks_of_a_cars_message_keeps_only_its_length() -> None:
    text = b'[2,"1","Get15118EVCertificate",{"exiRequest":"' + SECRET.encode()
    assert redact_unreadable(text) == b"[redacted: %d bytes]" % len(text)
