import re

import pytest

from domain.errors import InvalidInput
from domain.records import Credential
from storage.relational.credentials import (
    generate_key,
    generate_secret,
    is_slow,
    keep_chosen,
    keep_generated,
    keep_secret,
    verify,
)


def test_a_generated_key_has_160_bits_as_hex_and_never_repeats() -> None:
    keys = {generate_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch("[0-9a-f]{40}", key) for key in keys)


def test_a_generated_key_is_accepted_as_text_in_either_case_and_as_bytes() -> None:
    key = generate_key()
    credential = keep_generated(key)
    assert verify(credential, key.encode())
    assert verify(credential, key.upper().encode())
    assert verify(credential, bytes.fromhex(key))
    assert not is_slow(credential)


@pytest.mark.parametrize("wrong", [b"", b"x" * 40, b"\xff" * 20, bytes(10_000)])
def test_a_wrong_key_is_refused(wrong: bytes) -> None:
    assert not verify(keep_generated(generate_key()), wrong)


def test_another_chargers_key_is_refused() -> None:
    assert not verify(keep_generated(generate_key()), generate_key().encode())


def test_the_same_key_is_kept_differently_each_time() -> None:
    key = generate_key()
    assert keep_generated(key) != keep_generated(key)
    assert key.encode() not in keep_generated(key).digest


def test_a_chosen_password_is_kept_with_argon2() -> None:
    credential = keep_chosen("correct horse battery")
    assert credential.digest.startswith(b"$argon2id$")
    assert is_slow(credential)
    assert verify(credential, b"correct horse battery")
    assert not verify(credential, b"correct horse batterY")
    assert not verify(credential, b"\xff\xfe")


def test_a_chosen_hex_password_is_accepted_as_the_bytes_it_stands_for() -> None:
    text = "00ff" * 10
    credential = keep_chosen(text)
    assert verify(credential, text.encode())
    assert verify(credential, bytes.fromhex(text))


@pytest.mark.parametrize("password", ["", "x" * 65, "ü" * 33])
def test_empty_and_long_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="password: must have 1 to 64 bytes"):
        keep_chosen(password)


@pytest.mark.parametrize(
    "credential", [Credential("md5", b"", b""), Credential("argon2", b"", b"no hash")]
)
def test_a_credential_that_makes_no_sense_lets_nobody_in(credential: Credential) -> None:
    assert not verify(credential, b"anything at all..")


def test_api_secrets_are_long_and_kept_as_a_digest() -> None:
    secret = generate_secret()
    assert secret.startswith("csms_")
    assert len(secret) > 40
    assert len(keep_secret(secret)) == 32
    assert keep_secret(secret) != keep_secret(generate_secret())
