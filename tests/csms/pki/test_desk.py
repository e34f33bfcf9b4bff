"""From a charger's request in the store to CertificateSigned, and renewals."""

import dataclasses
import itertools
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from csms.pki.desk import CertificateDesk, Parts
from csms.pki.est import EstAuthority
from csms.pki.files import pem, write_key, write_private
from csms.pki.renewal import renewal_us
from csms.pki.settings import PkiSettings
from csms.pki.v2g import V2gPki, make_test_pki
from csms.pki.v2g_authority import V2gAuthority
from domain.commands import CommandResult
from domain.errors import ConfigError, InvalidInput, Unavailable
from domain.events import CertificateRequested
from domain.records import ChargerRecord
from storage.relational import certificates
from storage.relational.registry import Registry
from tests.csms.pki.est_server import PASSWORD, USER, est_server
from tests.csms.pki.kit import NOW_US, OPERATOR, SETTINGS, csr, new_key
from tests.storage.relational.kit import T0, Journal

DAY_US = 86_400_000_000


class World:
    """Chargers that answer commands, a store, a clock that the test moves."""

    def __init__(self, store, authority, **settings) -> None:
        self.store = store
        self.now_us = T0 + 1_000_000
        self.sent = []
        self.outcome = "accepted"
        self.subprotocol = "ocpp1.6"
        self.journal = Journal(store)
        ids = itertools.count()
        self.settings = PkiSettings(**{**SETTINGS.model_dump(), **settings})
        self.desk = CertificateDesk(
            Parts(
                store,
                authority,
                self.settings,
                lambda: self.now_us,
                lambda: f"command-{next(ids)}",
                self.presence,
                self.command,
            )
        )

    def sign_for_cars(self, folder) -> V2gPki:
        """Give the desk a CPO sub-CA; return the PKI that it is of."""
        made = make_test_pki(NOW_US)
        chain, key = folder / "cpo.pem", folder / "cpo.key"
        write_private(chain, pem(made.cpo[2].certificate, made.cpo[1].certificate))
        write_key(key, made.cpo[2].key)
        self.desk = CertificateDesk(
            dataclasses.replace(self.desk._parts, v2g=V2gAuthority(chain, key, self.settings))
        )
        return made

    async def presence(self, charger):
        return ("gw0", self.subprotocol) if self.subprotocol else None

    async def command(self, gateway, command):
        self.sent.append(command)
        return CommandResult(command.id, self.outcome)

    async def ask(self, text: str, charger: str = "CP1", kind: str = "", request: int = 0) -> None:
        await self.journal.say(charger, CertificateRequested(text, "Accepted", kind, request))

    async def became(self):
        return (await certificates.of_charger(self.store, "CP1"))[0]


@pytest.fixture
async def world(store, pki) -> World:
    await Registry(store, lambda: T0).create_charger(ChargerRecord("CP1", serial_number="SN-1"))
    return World(store, pki.authority)


async def test_a_request_is_signed_once_and_sent(world) -> None:
    key = new_key()
    await world.ask(csr("SN-1", key))
    assert await world.desk.look() == 1
    assert await world.desk.look() == 0
    (command,) = world.sent
    assert command.action == "CertificateSigned"
    leaf = x509.load_pem_x509_certificates(command.payload["certificateChain"].encode())[0]
    assert leaf.public_key() == key.public_key()
    made = await world.became()
    assert (made.status, made.serial) == ("delivered", f"{leaf.serial_number:x}")


@pytest.mark.parametrize(
    ("subprotocol", "more"),
    [
        ("ocpp1.6", {}),
        ("ocpp2.0.1", {"certificateType": "ChargingStationCertificate"}),
        ("ocpp2.1", {"certificateType": "ChargingStationCertificate", "requestId": 7}),
    ],
)
async def test_each_version_gets_its_own_payload(world, subprotocol, more) -> None:
    world.subprotocol = subprotocol
    kind = "" if subprotocol == "ocpp1.6" else "ChargingStationCertificate"
    await world.ask(csr("CP1"), kind=kind, request=7)
    await world.desk.look()
    assert {k: v for k, v in world.sent[0].payload.items() if k != "certificateChain"} == more


async def test_a_bad_request_is_refused_where_the_operator_sees_it(world) -> None:
    await world.ask(csr("CP2"))
    await world.desk.look()
    made = await world.became()
    assert made.status == "refused"
    assert "csr.CN" in made.detail
    assert not world.sent


async def test_vehicle_to_grid_certificates_are_not_signed_by_the_chargers_authority(world) -> None:
    await world.ask(csr("CP1"), kind="V2GCertificate")
    await world.desk.look()
    assert "kind" in (await world.became()).detail


V2G = "V2GCertificate"


async def test_what_a_charger_shows_to_cars_is_signed_below_the_v2g_root(world, tmp_path) -> None:
    pki = world.sign_for_cars(tmp_path)
    world.subprotocol = "ocpp2.1"
    key = new_key()
    await world.ask(csr("CP1", key), kind=V2G, request=7)
    await world.desk.look()
    (command,) = world.sent
    assert (command.payload["certificateType"], command.payload["requestId"]) == (V2G, 7)
    chain = x509.load_pem_x509_certificates(command.payload["certificateChain"].encode())
    leaf, sub2, sub1 = chain
    assert [each.certificate for each in (pki.cpo[2], pki.cpo[1])] == [sub2, sub1]
    for below, above in ((leaf, sub2), (sub2, sub1), (sub1, pki.cpo[0].certificate)):
        below.verify_directly_issued_by(above)
    assert leaf.public_key() == key.public_key()
    assert leaf.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)[0].value == "CPO"
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_agreement, usage.key_cert_sign) == (
        True,
        True,
        False,
    )
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 60
    assert (await world.became()).kind == V2G


async def test_a_charger_of_1_6_gets_it_as_the_note_on_plug_and_charge_says(
    world, tmp_path
) -> None:
    world.sign_for_cars(tmp_path)
    await world.ask(csr("CP1"), kind=V2G)
    await world.desk.look()
    (command,) = world.sent
    assert command.action == "DataTransfer"
    assert command.payload["messageId"] == "CertificateSigned"
    inner = json.loads(command.payload["data"])
    assert inner["certificateType"] == V2G
    assert inner["certificateChain"].count("BEGIN CERTIFICATE") == 3


async def test_both_certificates_of_a_charger_are_renewed_each_in_its_time(world, tmp_path) -> None:
    world.sign_for_cars(tmp_path)
    world.subprotocol = "ocpp2.0.1"
    await world.ask(csr("CP1"), kind="ChargingStationCertificate")
    await world.ask(csr("CP1"), kind=V2G)
    await world.desk.look()
    made = {each.kind: each for each in await certificates.of_charger(world.store, "CP1")}
    assert set(made) == {"", V2G}
    assert 0 < made[V2G].renewal_us < made[""].renewal_us
    for kind, message in ((V2G, "SignV2GCertificate"), ("", "SignChargingStationCertificate")):
        world.sent.clear()
        world.now_us = made[kind].renewal_us
        await world.desk.renew()
        asked = [command.payload["requestedMessage"] for command in world.sent]
        assert message in asked


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
    ],
    ids=["p384", "rsa"],
)
async def test_cars_read_p256_only(world, tmp_path, key) -> None:
    world.sign_for_cars(tmp_path)
    await world.ask(csr("CP1", key), kind=V2G)
    await world.desk.look()
    made = await world.became()
    assert made.status == "refused"
    assert "csr.key" in made.detail


async def test_certificates_of_iso_15118_20_are_not_signed(world, tmp_path) -> None:
    world.sign_for_cars(tmp_path)
    await world.ask(csr("CP1"), kind="V2G20Certificate")
    await world.desk.look()
    assert "kind" in (await world.became()).detail


def test_a_key_of_another_authority_is_no_key_of_the_chain(tmp_path) -> None:
    made = make_test_pki(NOW_US)
    chain, key = tmp_path / "cpo.pem", tmp_path / "cpo.key"
    write_private(chain, pem(made.cpo[2].certificate))
    write_key(key, made.cpo[1].key)
    with pytest.raises(ConfigError, match="v2g_key"):
        V2gAuthority(chain, key, SETTINGS)


@pytest.mark.parametrize("outcome", ["rejected", "timed_out", "lost"])
async def test_a_certificate_that_was_not_taken_is_never_due(world, outcome) -> None:
    world.outcome = outcome
    await world.ask(csr("CP1"))
    await world.desk.look()
    assert (await world.became()).status == "not_delivered"
    world.now_us += 3_650 * DAY_US
    assert await world.desk.renew() == 0


async def test_a_charger_that_has_gone_asks_again(world) -> None:
    world.subprotocol = ""
    await world.ask(csr("CP1"))
    await world.desk.look()
    assert (await world.became()).status == "not_delivered"


async def test_a_charger_in_a_loop_is_not_signed_for_without_end(world) -> None:
    request = csr("CP1")
    for _ in range(10):
        await world.ask(request)
    await world.desk.look()
    await world.ask(request)
    await world.desk.look()
    assert len(world.sent) == 6
    found = await certificates.of_charger(world.store, "CP1")
    assert len([each for each in found if "in an hour" in each.detail]) == 5


async def test_a_renewal_is_asked_for_in_time_and_again_only_later(world) -> None:
    await world.ask(csr("CP1"))
    await world.desk.look()
    world.sent.clear()
    made = await world.became()
    world.now_us = made.renewal_us - 1
    assert await world.desk.renew() == 0
    world.now_us = made.renewal_us
    assert await world.desk.renew() == 1
    assert await world.desk.renew() == 0
    (command,) = world.sent
    assert command.action == "ExtendedTriggerMessage"
    assert command.payload == {"requestedMessage": "SignChargePointCertificate"}
    world.now_us += 86_400_000_000
    assert await world.desk.renew() == 1


def test_renewals_of_a_fleet_are_spread() -> None:
    settings = PkiSettings(renew_share=0.67, renew_spread=0.1)
    at = [renewal_us(f"CP{n}", 0, 365 * DAY_US, settings) for n in range(1_000)]
    days = [each // DAY_US for each in at]
    assert min(days) >= 207
    assert max(days) <= 245
    assert max(days.count(day) for day in set(days)) < 60
    assert renewal_us("CP1", 0, DAY_US, settings) == renewal_us("cp1", 0, DAY_US, settings)


@pytest.fixture
def est(pki):
    with est_server(pki) as server:
        yield server


def est_authority(server, **more) -> EstAuthority:
    settings = {
        "authority": "est",
        "operator": OPERATOR,
        "est_url": server.url,
        "est_user": USER,
        "est_password": PASSWORD,
        "est_ca": server.pki.folder / "root.pem",
        "est_s": 5.0,
    }
    return EstAuthority(PkiSettings(**(settings | more)))


async def test_est_signs_and_gives_the_chain_and_the_roots(est, pki) -> None:
    key = new_key()
    chain = await est_authority(est).sign(csr("CP1", key), "CP1", "", NOW_US)
    leaf, sub = x509.load_pem_x509_certificates(chain.encode())
    assert leaf.public_key() == key.public_key()
    assert sub == pki.authority.sub
    assert x509.load_pem_x509_certificate((await est_authority(est).roots()).encode()) == (
        pki.authority.root
    )


async def test_est_gets_checked_requests_only(est) -> None:
    with pytest.raises(InvalidInput):
        await est_authority(est).sign(csr("CP2"), "CP1", "", NOW_US)
    assert est.asked == []


async def test_est_that_is_away_or_lies_is_unavailable(est, pki) -> None:
    request = csr("CP1")
    with pytest.raises(Unavailable, match="401"):
        await est_authority(est, est_password="no").sign(request, "CP1", "", NOW_US)
    with pytest.raises(Unavailable, match="cannot be asked"):
        await est_authority(est, est_ca=None).sign(request, "CP1", "", NOW_US)
    est.wrong_key = True
    with pytest.raises(Unavailable, match="another key"):
        await est_authority(est).sign(request, "CP1", "", NOW_US)
    for status, error in ((202, Unavailable), (503, Unavailable), (400, InvalidInput)):
        est.fails = status
        with pytest.raises(error, match=str(status)):
            await est_authority(est).sign(request, "CP1", "", NOW_US)


async def test_a_request_waits_for_an_authority_that_is_away(store, est) -> None:
    await Registry(store, lambda: T0).create_charger(ChargerRecord("CP1"))
    world = World(store, est_authority(est))
    est.fails = 503
    await world.ask(csr("CP1"))
    await world.desk.look()
    assert await certificates.of_charger(store, "CP1") == []
    est.fails = 0
    await world.desk.look()
    assert (await world.became()).status == "delivered"
