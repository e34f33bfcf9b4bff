"""What counts as a proof of who somebody is, over real HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from csms.oidc.claims import person_of
from csms.oidc.provider import Provider, ProviderRefuses
from csms.oidc.settings import OidcSettings
from domain.access import Role
from domain.errors import Unavailable
from supervisor.clock import FakeClock
from tests.csms.oidc.forger import KEY, NEW_KEY, OTHER_KEY, Forger, forging, shared, unsigned

SECRET = "s" * 43
HERE = {"client_id": "csms", "public_url": "http://127.0.0.1:8880", "default_role": "viewer"}


@pytest.fixture
async def forger() -> AsyncIterator[Forger]:
    async with forging() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def provider_of(forger: Forger, clock: FakeClock, **settings: Any) -> Provider:
    return Provider(OidcSettings.model_validate(HERE | {"issuer": forger.issuer} | settings), clock)


async def went(provider: Provider, forger: Forger, clock: FakeClock) -> str:
    """Go to the provider and sign in there; return the state that it sends back."""
    state = forger.went(await provider.start_url(SECRET))["state"]
    forger.token = forger.made(clock.now_us() // 1_000_000)
    return state


async def test_who_has_signed_in_is_known_by_what_the_token_and_userinfo_say(
    forger: Forger, clock: FakeClock
) -> None:
    provider = provider_of(forger, clock)
    query = forger.went(await provider.start_url(SECRET))
    assert query["redirect_uri"] == "http://127.0.0.1:8880/ui/oidc/callback"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    state = await went(provider, forger, clock)
    forger.userinfo = {"name": "Anna", "preferred_username": "somebody else"}
    claims = await provider.claims(SECRET, "code", state, "")
    assert (claims["preferred_username"], claims["name"]) == ("anna", "Anna")
    assert forger.forms == [
        {
            "grant_type": "authorization_code",
            "code": "code",
            "redirect_uri": "http://127.0.0.1:8880/ui/oidc/callback",
            "code_verifier": forger.forms[0]["code_verifier"],
            "client_id": "csms",
        }
    ]


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"nonce": "of another attempt"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another client"}, "aud"),
        ({"aud": ["csms", "another client"]}, "azp"),
        ({"azp": "another client"}, "azp"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"exp": 1_767_225_600 - 61}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": 1_767_225_600 + 120}, "future"),
        ({"sub": None}, "sub"),
    ],
    ids=["nonce", "no nonce", "aud", "auds", "azp", "iss", "old", "no exp", "early", "no sub"],
)
async def test_a_token_that_does_not_fit_is_refused(
    forger: Forger, clock: FakeClock, claims: dict[str, Any], word: str
) -> None:
    provider = provider_of(forger, clock)
    forger.claims = claims
    state = await went(provider, forger, clock)
    with pytest.raises(ProviderRefuses, match=word):
        await provider.claims(SECRET, "code", state, "")


async def test_a_token_of_nobody_or_of_a_shared_secret_is_refused(
    forger: Forger, clock: FakeClock
) -> None:
    provider = provider_of(forger, clock)
    state = await went(provider, forger, clock)
    good = forger.token
    forger.key = OTHER_KEY
    for forged in (
        unsigned(good),
        shared(good, KEY.as_pem(private=False)),
        forger.made(clock.now_us() // 1_000_000),
        good[:-4] + "AAAA",
        "",
        "a.b.c",
    ):
        forger.token = forged
        with pytest.raises(ProviderRefuses, match="id_token"):
            await provider.claims(SECRET, "code", state, "")


async def test_an_answer_counts_in_the_browser_only_that_has_asked(
    forger: Forger, clock: FakeClock
) -> None:
    provider = provider_of(forger, clock)
    state = await went(provider, forger, clock)
    for secret, said in (("x" * 43, state), (SECRET, ""), (SECRET, "x" * 43), (SECRET, "ä")):
        with pytest.raises(ProviderRefuses, match="state"):
            await provider.claims(secret, "code", said, "")
    with pytest.raises(ProviderRefuses, match="another provider"):
        await provider.claims(SECRET, "code", state, "https://evil.example")
    assert forger.forms == []


async def test_a_code_that_somebody_else_has_got_is_worth_nothing(
    forger: Forger, clock: FakeClock
) -> None:
    provider = provider_of(forger, clock)
    state = await went(provider, forger, clock)
    forger.challenge = "of another verifier"
    with pytest.raises(ProviderRefuses, match="invalid_grant"):
        await provider.claims(SECRET, "code", state, "")


async def test_keys_that_were_exchanged_are_read_anew_but_not_for_every_token(
    forger: Forger, clock: FakeClock
) -> None:
    provider = provider_of(forger, clock)
    await went(provider, forger, clock)
    forger.key, forger.published = NEW_KEY, [KEY, NEW_KEY]
    state = await went(provider, forger, clock)
    with pytest.raises(ProviderRefuses):
        await provider.claims(SECRET, "code", state, "")
    assert forger.asked == ["configuration"], "keys_again_s has not passed"
    clock.advance_us(31_000_000)
    state = await went(provider, forger, clock)
    assert (await provider.claims(SECRET, "code", state, ""))["sub"] == "1"
    assert forger.asked == ["configuration"] * 2


async def test_userinfo_about_somebody_else_is_refused(forger: Forger, clock: FakeClock) -> None:
    provider = provider_of(forger, clock)
    state = await went(provider, forger, clock)
    forger.userinfo = {"sub": "2"}
    with pytest.raises(ProviderRefuses, match="somebody else"):
        await provider.claims(SECRET, "code", state, "")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"padding": "x" * 2_000_000},
    ],
    ids=["issuer", "scheme", "missing", "large"],
)
async def test_a_configuration_that_is_wrong_is_refused(
    forger: Forger, clock: FakeClock, document: dict[str, Any]
) -> None:
    forger.document = document
    with pytest.raises(ProviderRefuses):
        await provider_of(forger, clock).start_url(SECRET)


async def test_a_provider_that_is_away_is_unavailable(clock: FakeClock) -> None:
    settings = OidcSettings.model_validate(HERE | {"issuer": "http://127.0.0.1:9"})
    with pytest.raises(Unavailable, match="away"):
        await Provider(settings, clock).start_url(SECRET)


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"groups": ["staff", "ops"]}, Role.operator),
        ({"groups": "ops"}, Role.operator),
        ({"groups": ["ops", "admins"]}, Role.admin),
        ({"groups": ["staff", 7]}, None),
        ({"groups": {"ops": True}}, None),
        ({}, None),
    ],
    ids=["list", "text", "first row", "none fits", "object", "missing"],
)
def test_a_role_is_what_the_table_says(said: dict[str, Any], role: Role | None) -> None:
    settings = OidcSettings.model_validate(
        {"roles": {"admins": "admin", "ops": "operator"}, "role_claim": "groups"}
    )
    assert person_of({"sub": "1"} | said, settings).role == role


def test_claims_may_be_deep_and_names_are_taken_from_what_there_is() -> None:
    settings = OidcSettings.model_validate(
        {"roles": {"boss": "admin"}, "role_claim": "realm_access.roles"}
    )
    claims = {"sub": "1", "realm_access": {"roles": ["boss"]}, "email": "a b@example.org"}
    person = person_of(claims, settings)
    assert (person.login, person.name, person.role) == ("ab@example.org", "", Role.admin)
    assert person_of({"sub": "1"}, settings).login == "1"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"issuer": "http://idp.example.org"}, "https"),
        ({"public_url": "ftp://x"}, "https"),
        ({"client_id": ""}, "client_id"),
        ({"default_role": None}, "roles"),
        ({"scopes": "profile"}, "openid"),
        ({"roles": {"x": "root"}}, "roles"),
    ],
    ids=["http", "scheme", "no client", "no role", "no openid", "unknown role"],
)
def test_settings_that_cannot_work_are_refused_at_the_start(
    wrong: dict[str, Any], word: str
) -> None:
    with pytest.raises(ValidationError, match=word):
        OidcSettings.model_validate(HERE | {"issuer": "https://idp.example.org"} | wrong)
