"""Steps of security and certificates in the relational store."""

import pytest

from domain.errors import InvalidInput
from domain.events import CertificateRequested, SecurityRaised
from domain.records import ChargerRecord
from domain.security_upgrade import ask_profile, fingerprint, key_answered
from storage.relational import certificates
from storage.relational.certificates import Certificate
from storage.relational.credentials import keep_generated, verify
from storage.relational.feed import changes_since
from storage.relational.registry import Registry
from tests.storage.relational.kit import SECOND, T0, Journal

DAY = 86_400 * SECOND


@pytest.fixture
def registry(store) -> Registry:
    return Registry(store, lambda: T0)


async def test_a_record_keeps_every_step_of_its_security(store, registry) -> None:
    record = ChargerRecord(
        "A",
        pending_profile=3,
        credential=keep_generated("a"),
        candidate=keep_generated("b"),
        candidate_until_us=T0,
        serial_number="SN-1",
    )
    made = await registry.create_charger(record)
    assert await registry.get_charger("A") == made
    assert (await changes_since(store, 0)).chargers == (made,)


async def test_what_a_charger_has_proved_reaches_its_record_and_the_gateways(
    store, registry
) -> None:
    record = ask_profile(ChargerRecord("A", credential=keep_generated("a")), 2)
    await registry.create_charger(record)
    key, offered = await registry.offer_key("A", T0 + DAY)
    journal = Journal(store)
    applied = await journal.say("A", SecurityRaised(2, fingerprint(offered.candidate)))
    assert applied.fed == 1
    raised = await registry.get_charger("A")
    assert (raised.security_profile, raised.pending_profile) == (2, 0)
    assert raised.candidate is None
    assert verify(raised.credential, key.encode())
    assert raised.revision > offered.revision
    again = Journal(store, "journal-b")
    assert (await again.say("A", SecurityRaised(2, "another"))).fed == 0


async def test_an_older_fact_undoes_no_newer_step(store, registry) -> None:
    await registry.create_charger(ChargerRecord("A", security_profile=3))
    await Journal(store).say("A", SecurityRaised(2))
    assert (await registry.get_charger("A")).security_profile == 3


async def test_a_pending_profile_is_higher_than_the_profile(registry) -> None:
    with pytest.raises(InvalidInput, match="no way down"):
        await registry.create_charger(ChargerRecord("A", security_profile=2, pending_profile=1))
    await registry.create_charger(ChargerRecord("A", security_profile=1, pending_profile=2))
    raised = await registry.update_charger("A", {"security_profile": 2})
    assert raised.pending_profile == 0


async def test_a_refused_key_leaves_the_old_one(registry) -> None:
    await registry.create_charger(ChargerRecord("A", credential=keep_generated("old")))
    await registry.offer_key("A", T0 + DAY)
    after = await registry.raise_security("A", lambda r: key_answered(r, taken=False))
    assert verify(after.credential, b"old")
    assert after.candidate is None


async def test_requests_wait_until_something_became_of_them(store, registry) -> None:
    await registry.create_charger(ChargerRecord("A", serial_number="SN"))
    journal = Journal(store)
    await journal.say("A", CertificateRequested("csr", "Accepted", "V2GCertificate", 7))
    await journal.say("A", CertificateRequested("no", "Rejected"))
    await journal.say("GONE", CertificateRequested("csr", "Accepted"))
    (request,) = await certificates.waiting(store, T0 - 1, 10)
    assert (request.charger, request.csr, request.serial_number) == ("A", "csr", "SN")
    assert (request.kind, request.request) == ("V2GCertificate", 7)
    assert await certificates.waiting(store, T0 + 1, 10) == []
    done = Certificate(request.id, "A", "delivered", not_after_us=T0 + DAY, renewal_us=T0 + 10)
    await certificates.keep(store, done)
    assert await certificates.waiting(store, T0 - 1, 10) == []
    assert await certificates.due(store, T0, 10) == []
    assert await certificates.due(store, T0 + 10, 10) == [done]
    await certificates.postpone(store, done.id, T0 + DAY)
    assert await certificates.due(store, T0 + 10, 10) == []
    newer = Certificate("x", "A", "delivered", not_after_us=T0 + 2 * DAY, renewal_us=T0 + DAY)
    await certificates.keep(store, newer)
    assert await certificates.due(store, T0 + DAY, 10) == [newer]
    assert len(await certificates.of_charger(store, "A")) == 2
