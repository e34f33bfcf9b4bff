"""What each version is told, against its own schema."""

import pytest

from csms.files import payloads
from csms.files.payloads import FirmwareWanted, LogWanted
from domain.errors import InvalidInput
from protocol.versions import VERSIONS

T_US = 1_780_000_000_000_000
URL = "https://csms.example.com/files/secret/fw.bin"


def flags(subprotocol: str, call: payloads.Call) -> list[str]:
    version = VERSIONS[subprotocol]
    assert call.action in version.outbound
    return list(version.schemas.request(call.action).flags(call.payload))


def test_every_version_that_is_spoken_has_a_row() -> None:
    assert set(payloads.ROWS) == set(VERSIONS)


@pytest.mark.parametrize("subprotocol", sorted(payloads.ROWS))
def test_firmware_is_told_as_the_schema_wants_it(subprotocol: str) -> None:
    plain = FirmwareWanted(URL, 7, T_US)
    signed = plain._replace(install_us=T_US, certificate="PEM", signature="AAAA")
    for wanted in (plain, signed):
        call = payloads.row_of(subprotocol).firmware(wanted)
        assert flags(subprotocol, call) == []
        assert URL in str(call.payload)


def test_a_signature_makes_it_the_message_of_the_security_extension() -> None:
    wanted = FirmwareWanted(URL, 7, T_US, 0, "PEM", "AAAA")
    assert payloads.row_of("ocpp1.6").firmware(wanted).action == "SignedUpdateFirmware"


def test_what_a_version_cannot_say_is_refused() -> None:
    with pytest.raises(InvalidInput, match="install_at"):
        payloads.row_of("ocpp1.6").firmware(FirmwareWanted(URL, 7, T_US, T_US))
    with pytest.raises(InvalidInput, match="kind"):
        payloads.log_call("ocpp2.0.1", LogWanted(URL, 7, payloads.DATA_COLLECTOR))
    with pytest.raises(InvalidInput, match="charger"):
        payloads.log_call("", LogWanted(URL, 7, payloads.DIAGNOSTICS))


@pytest.mark.parametrize(
    ("subprotocol", "kind"),
    [(name, kind) for name, row in payloads.ROWS.items() for kind in row.logs],
)
def test_logs_are_asked_for_as_the_schema_wants_it(subprotocol: str, kind: str) -> None:
    for wanted in (LogWanted(URL, 7, kind), LogWanted(URL, 7, kind, T_US, T_US + 1_000_000)):
        assert flags(subprotocol, payloads.log_call(subprotocol, wanted)) == []


def test_diagnostics_of_1_6_have_a_message_of_their_own() -> None:
    actions = [
        payloads.log_call("ocpp1.6", LogWanted(URL, 7, kind)).action
        for kind in (payloads.DIAGNOSTICS, payloads.SECURITY)
    ]
    assert actions == ["GetDiagnostics", "GetLog"]
