"""The upgrade of a charger's security: profile and key, one step at a time, and never down.

Pure: each function takes a record and returns the next one. OCPP 2.1 A00.FR.001 to 005, A01
(keys), A05.FR.08 and 09 (profiles); the 1.6 security whitepaper has the same rules.

    profile     ask_profile ──▶ pending ──▶ (the charger comes with it) profile_used ──▶ profile
    key         offer_key ──▶ both are valid ──▶ key_answered(True), or key_used: the new one only
                                             ──▶ key_answered(False), or its deadline: the old one

A key's answer may be lost with the link: then nobody knows which one the charger has, and both are
valid until it uses the new one or the deadline has passed.
"""

import hashlib

import msgspec

from domain.errors import InvalidInput
from domain.records import ChargerRecord, Credential

PROFILE_MAX = 3


def profiles(record: ChargerRecord) -> tuple[int, ...]:
    """Return the profiles with which a charger may come, the one that it has first."""
    if record.pending_profile > record.security_profile:
        return (record.security_profile, record.pending_profile)
    return (record.security_profile,)


def ask_profile(record: ChargerRecord, profile: int) -> ChargerRecord:
    """Let a charger come with a higher profile; it keeps its own until it has done so.

    Raises:
        InvalidInput: it is not higher. The way down is not over OCPP: an operator sets the
            record's own profile after somebody has reset the charger (A00.FR.005).
    """
    if not record.security_profile < profile <= PROFILE_MAX:
        raise InvalidInput(
            "pending_profile",
            f"must be {record.security_profile + 1} to {PROFILE_MAX}: there is no way down",
        )
    return msgspec.structs.replace(record, pending_profile=profile)


def settled(record: ChargerRecord) -> ChargerRecord:
    """Forget a pending profile that an operator's own change of the profile has overtaken."""
    if 0 < record.pending_profile <= record.security_profile:
        return msgspec.structs.replace(record, pending_profile=0)
    return record


def profile_used(record: ChargerRecord, profile: int) -> ChargerRecord:
    """Note that a charger has come in with a profile: from now on nothing lower is taken."""
    if profile != record.pending_profile or profile <= record.security_profile:
        return record
    return msgspec.structs.replace(record, security_profile=profile, pending_profile=0)


def offer_key(record: ChargerRecord, candidate: Credential, until_us: int) -> ChargerRecord:
    """Let a new key be valid beside the old one until it is known which one the charger has."""
    return msgspec.structs.replace(record, candidate=candidate, candidate_until_us=until_us)


def key_answered(record: ChargerRecord, *, taken: bool) -> ChargerRecord:
    """Note what the charger said to a new key: the other one is valid no longer (A01.FR.06)."""
    if record.candidate is None:
        return record
    kept = record.candidate if taken else record.credential
    return msgspec.structs.replace(record, credential=kept, candidate=None, candidate_until_us=0)


def key_expired(record: ChargerRecord, now_us: int) -> ChargerRecord:
    """Forget a new key whose time is over; one that is offered meanwhile stays."""
    is_over = record.candidate is not None and record.candidate_until_us <= now_us
    return key_answered(record, taken=False) if is_over else record


def key_used(record: ChargerRecord, credential: Credential) -> ChargerRecord:
    """Note that a charger has come in with a key; with the new one the old one ends."""
    return key_answered(record, taken=True) if credential == record.candidate else record


def fingerprint(credential: Credential) -> str:
    """Return 16 hexadecimal digits that tell credentials apart and give nothing away."""
    return hashlib.sha256(b"\0".join((credential.salt, credential.digest))).hexdigest()[:16]


def raised(record: ChargerRecord, profile: int, key: str) -> ChargerRecord:
    """Apply what a `SecurityRaised` says; a stale one changes nothing."""
    record = profile_used(record, profile)
    if record.candidate is not None and key == fingerprint(record.candidate):
        record = key_answered(record, taken=True)
    return record


def keys(record: ChargerRecord, now_us: int) -> tuple[Credential, ...]:
    """Return the credentials that are valid now, the one that it has first."""
    candidate = record.candidate if now_us < record.candidate_until_us else None
    return tuple(each for each in (record.credential, candidate) if each is not None)
