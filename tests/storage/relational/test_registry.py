import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import InvalidInput, NotFound
from domain.records import ChargerRecord, TokenRecord
from storage.relational.credentials import verify
from storage.relational.feed import revision
from storage.relational.registry import Registry, Site
from storage.relational.tables import api_keys, chargers
from tests.storage.relational.kit import T0, rows


@pytest.fixture
def registry(store: AsyncEngine) -> Registry:
    return Registry(store, lambda: T0)


FULL = ChargerRecord(
    id="CP-1",
    tenant="acme",
    site="depot",
    security_profile=2,
    networks=("10.0.0.0/8", "::1/128"),
    strict=True,
    registration="Pending",
    heartbeat_s=60,
    subprotocol="ocpp1.6",
    time_zone="Europe/Berlin",
    reply_delay_ms=1_000,
)


class TestChargers:
    async def test_every_field_comes_back(self, registry: Registry) -> None:
        await registry.create_site(Site("depot", FULL.tenant))
        stored = await registry.create_charger(FULL)
        assert stored == msgspec.structs.replace(FULL, revision=stored.revision)
        assert await registry.get_charger("CP-1") == stored

    async def test_every_change_has_a_greater_revision(
        self, registry: Registry, store: AsyncEngine
    ) -> None:
        first = (await registry.create_charger(ChargerRecord("A"))).revision
        second = (await registry.create_charger(ChargerRecord("B"))).revision
        third = (await registry.update_charger("A", {"strict": True})).revision
        assert 0 < first < second < third == await revision(store)
        await registry.set_password("A")
        await registry.delete_charger("A")
        assert await revision(store) == third + 2

    async def test_what_exists_is_not_made_again(self, registry: Registry) -> None:
        await registry.create_charger(ChargerRecord("A"))
        with pytest.raises(InvalidInput, match="'A' exists already"):
            await registry.create_charger(ChargerRecord("A"))
        with pytest.raises(InvalidInput, match="differs by case only"):
            await registry.create_charger(ChargerRecord("a"))

    async def test_a_deleted_one_is_gone_and_can_be_made_anew_without_its_password(
        self, registry: Registry
    ) -> None:
        await registry.create_charger(ChargerRecord("A", heartbeat_s=5))
        await registry.set_password("A")
        await registry.delete_charger("A")
        for action in (
            registry.get_charger("A"),
            registry.delete_charger("A"),
            registry.update_charger("A", {}),
            registry.set_password("A"),
        ):
            with pytest.raises(NotFound, match="charger 'A' does not exist"):
                await action
        assert await registry.list_chargers() == []
        again = await registry.create_charger(ChargerRecord("A"))
        assert (again.credential, again.heartbeat_s) == (None, 0)

    async def test_another_spelling_may_take_the_place_of_a_deleted_one(
        self, registry: Registry
    ) -> None:
        await registry.create_charger(ChargerRecord("A"))
        await registry.delete_charger("A")
        await registry.create_charger(ChargerRecord("a"))

    async def test_pages_follow_the_ids(self, registry: Registry) -> None:
        await registry.create_site(Site("depot"))
        await registry.import_chargers(
            [ChargerRecord(f"C{n}", site="depot" if n % 2 else "") for n in range(9)]
        )
        page = await registry.list_chargers(limit=4)
        assert [one.id for one in page] == ["C0", "C1", "C2", "C3"]
        page = await registry.list_chargers(after="C3", limit=100)
        assert [one.id for one in page] == ["C4", "C5", "C6", "C7", "C8"]
        page = await registry.list_chargers(site="depot")
        assert [one.id for one in page] == ["C1", "C3", "C5", "C7"]
        assert await registry.list_chargers(tenant="other") == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("id", ""),
            ("id", "x" * 49),
            ("id", "a/b"),
            ("id", "a b"),
            ("id", "a:b"),
            ("id", "a\x00b"),
            ("tenant", "no spaces please"),
            ("security_profile", 4),
            ("networks", ("10.0.0.1/8",)),
            ("networks", ("anywhere",)),
            ("registration", "accepted"),
            ("heartbeat_s", -1),
            ("heartbeat_s", 1 << 40),
            ("reply_delay_ms", 10_001),
            ("time_zone", "Mars/Olympus"),
            ("time_zone", "../../etc/passwd"),
            ("subprotocol", "x\ny"),
            ("site", "nowhere"),
        ],
    )
    async def test_a_field_that_breaks_its_rule_is_named(
        self, registry: Registry, field: str, value: object
    ) -> None:
        record = msgspec.structs.replace(ChargerRecord("A"), **{field: value})
        with pytest.raises(InvalidInput) as caught:
            await registry.create_charger(record)
        assert caught.value.field == field

    async def test_a_charger_without_authentication_needs_a_network(
        self, registry: Registry
    ) -> None:
        open_to_nobody = ChargerRecord("A", security_profile=0)
        with pytest.raises(InvalidInput, match="networks: profile 0 needs at least one network"):
            await registry.create_charger(open_to_nobody)
        record = msgspec.structs.replace(open_to_nobody, networks=("10.0.0.0/8",))
        assert (await registry.create_charger(record)).networks == ("10.0.0.0/8",)
        with pytest.raises(InvalidInput, match="networks"):
            await registry.update_charger("A", {"networks": []})

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"strict": "perhaps"}, "strict"),
            ({"nonsense": 1}, "nonsense"),
            ({"id": "B"}, "id"),
            ({"revision": 7}, "revision"),
            ({"credential": None}, "credential"),
            ({"heartbeat_s": -5}, "heartbeat_s"),
        ],
    )
    async def test_a_change_that_cannot_be_is_named_and_nothing_changes(
        self, registry: Registry, changes: dict[str, object], field: str
    ) -> None:
        before = await registry.create_charger(ChargerRecord("A"))
        with pytest.raises(InvalidInput) as caught:
            await registry.update_charger("A", changes)
        assert caught.value.field == field
        assert await registry.get_charger("A") == before

    async def test_an_update_changes_what_it_names_only(self, registry: Registry) -> None:
        await registry.create_site(Site("depot", FULL.tenant))
        await registry.create_charger(FULL)
        password = await registry.set_password("CP-1")
        changed = await registry.update_charger("CP-1", {"networks": ["192.168.0.0/16"]})
        assert changed.networks == ("192.168.0.0/16",)
        assert changed.time_zone == "Europe/Berlin"
        assert changed.credential is not None
        assert verify(changed.credential, password.encode())

    async def test_importing_again_replaces_but_keeps_passwords(self, registry: Registry) -> None:
        await registry.import_chargers([ChargerRecord("A", heartbeat_s=1), ChargerRecord("B")])
        password = await registry.set_password("A")
        await registry.import_chargers([ChargerRecord("A", heartbeat_s=2), ChargerRecord("C")])
        stored = await registry.get_charger("A")
        assert stored.heartbeat_s == 2
        assert stored.credential is not None
        assert verify(stored.credential, password.encode())
        assert len({one.revision for one in await registry.list_chargers()}) == 3

    async def test_an_import_happens_whole_or_not_at_all(self, registry: Registry) -> None:
        await registry.create_charger(ChargerRecord("x"))
        with pytest.raises(InvalidInput):
            await registry.import_chargers([ChargerRecord("A"), ChargerRecord("X")])
        with pytest.raises(InvalidInput):
            await registry.import_chargers([ChargerRecord("A"), ChargerRecord("a")])
        assert [one.id for one in await registry.list_chargers()] == ["x"]


class TestPasswords:
    async def test_a_generated_one_is_shown_once_and_kept_as_hmac(
        self, registry: Registry, store: AsyncEngine
    ) -> None:
        await registry.create_charger(ChargerRecord("A"))
        password = await registry.set_password("A")
        record = await registry.get_charger("A")
        assert record.credential is not None
        assert record.credential.kind == "hmac"
        assert verify(record.credential, password.encode())
        assert password not in str(await rows(store, chargers))

    async def test_a_chosen_one_is_kept_as_argon2(self, registry: Registry) -> None:
        await registry.create_charger(ChargerRecord("A"))
        assert await registry.set_password("A", "sixteen bytes or more") == "sixteen bytes or more"
        record = await registry.get_charger("A")
        assert record.credential is not None
        assert record.credential.kind == "argon2"

    @pytest.mark.parametrize("password", ["", "x" * 65])
    async def test_one_that_cannot_be_is_refused_and_the_old_one_stays(
        self, registry: Registry, password: str
    ) -> None:
        await registry.create_charger(ChargerRecord("A"))
        await registry.set_password("A")
        before = await registry.get_charger("A")
        with pytest.raises(InvalidInput, match="password"):
            await registry.set_password("A", password)
        assert await registry.get_charger("A") == before


class TestTokens:
    async def test_case_does_not_matter_but_is_shown_as_written(self, registry: Registry) -> None:
        stored = await registry.upsert_token(TokenRecord("AbC", max_active=3))
        assert stored.id == "AbC"
        assert await registry.get_token("aBc") == stored
        again = await registry.upsert_token(TokenRecord("ABC", status="Blocked"))
        assert [one.id for one in await registry.list_tokens()] == ["ABC"]
        assert again.revision > stored.revision

    async def test_a_deleted_one_is_gone(self, registry: Registry) -> None:
        await registry.upsert_token(TokenRecord("A"))
        await registry.delete_token("a")
        assert await registry.list_tokens() == []
        with pytest.raises(NotFound):
            await registry.get_token("A")
        with pytest.raises(NotFound):
            await registry.delete_token("A")
        await registry.upsert_token(TokenRecord("A"))
        assert (await registry.get_token("A")).status == "Accepted"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("id", ""),
            ("id", "x" * 37),
            ("id", "a\x00"),
            ("status", "Valid"),
            ("expires_us", -1),
            ("max_active", -1),
            ("parent", "x" * 37),
        ],
    )
    async def test_a_field_that_breaks_its_rule_is_named(
        self, registry: Registry, field: str, value: object
    ) -> None:
        record = msgspec.structs.replace(TokenRecord("A"), **{field: value})
        with pytest.raises(InvalidInput) as caught:
            await registry.upsert_token(record)
        assert caught.value.field == field

    async def test_many_are_imported_in_one_go(self, registry: Registry) -> None:
        assert (
            await registry.import_tokens([TokenRecord(f"T{n:04}") for n in range(2_500)]) == 2_500
        )
        page = await registry.list_tokens(after="T2497")
        assert [one.id for one in page] == ["T2498", "T2499"]


class TestSites:
    async def test_a_site_lives(self, registry: Registry) -> None:
        stored = await registry.create_site(Site("depot", name="Depot", power_w_max=100_000))
        assert stored.created_us == T0
        changed = await registry.update_site("depot", {"power_w_max": 50_000})
        assert (changed.name, changed.power_w_max) == ("Depot", 50_000)
        assert await registry.list_sites() == [changed]
        await registry.delete_site("depot")
        with pytest.raises(NotFound):
            await registry.get_site("depot")

    async def test_a_place_has_both_coordinates_within_the_earth(self, registry: Registry) -> None:
        await registry.create_site(Site("depot", latitude=-89.5, longitude=180))
        moved = await registry.update_site("depot", {"latitude": 52.5, "longitude": 13.4})
        assert await registry.get_site("depot") == moved
        gone = await registry.update_site("depot", {"latitude": None, "longitude": None})
        assert (gone.latitude, gone.longitude) == (None, None)
        for latitude, longitude, field in (
            (90.1, 0.0, "latitude"),
            (0.0, -180.5, "longitude"),
            (1.0, None, "longitude"),
            (None, 1.0, "latitude"),
            (float("nan"), 1.0, "latitude"),
        ):
            with pytest.raises(InvalidInput) as caught:
                await registry.create_site(Site("x", latitude=latitude, longitude=longitude))
            assert caught.value.field == field

    async def test_one_with_chargers_stays(self, registry: Registry) -> None:
        await registry.create_site(Site("depot"))
        await registry.create_charger(ChargerRecord("A", site="depot"))
        with pytest.raises(InvalidInput, match="has 1 chargers"):
            await registry.delete_site("depot")
        await registry.delete_charger("A")
        await registry.delete_site("depot")

    async def test_it_is_not_made_twice(self, registry: Registry) -> None:
        await registry.create_site(Site("depot"))
        with pytest.raises(InvalidInput, match="exists already"):
            await registry.create_site(Site("depot"))

    async def test_tenants_are_named(self, registry: Registry) -> None:
        await registry.tenants.put("acme", "Acme")
        renamed = await registry.tenants.put("acme", "Acme Charging")
        assert await registry.tenants.page() == [renamed]
        with pytest.raises(InvalidInput, match="id: must match"):
            await registry.tenants.put("no spaces")

    async def test_keys_of_a_disabled_tenant_are_refused(self, registry: Registry) -> None:
        _, secret = await registry.api_keys.create("k", "admin", tenant="acme")
        first = await registry.tenants.put("acme", disabled=True)
        assert await registry.api_keys.verify(secret) is None
        again = await registry.tenants.put("acme", "Acme", disabled=True)
        assert again.disabled_us == first.disabled_us > 0
        await registry.tenants.put("acme", "Acme")
        assert await registry.api_keys.verify(secret) is not None
        with pytest.raises(InvalidInput, match="disabled: the tenant 'default' is"):
            await registry.tenants.put("default", disabled=True)


class TestApiKeys:
    async def test_the_secret_is_seen_once_and_opens(
        self, registry: Registry, store: AsyncEngine
    ) -> None:
        key, secret = await registry.api_keys.create("grafana", "viewer")
        assert await registry.api_keys.verify(secret) == key
        assert await registry.api_keys.verify(secret + "x") is None
        assert secret not in str(await rows(store, api_keys))

    async def test_a_revoked_one_opens_no_more(self, registry: Registry) -> None:
        key, secret = await registry.api_keys.create("grafana", "viewer")
        await registry.api_keys.revoke(key.id)
        assert await registry.api_keys.verify(secret) is None
        (listed,) = await registry.api_keys.list_all()
        assert listed.revoked_us == T0
        with pytest.raises(NotFound):
            await registry.api_keys.revoke("unknown")

    async def test_an_expired_one_opens_no_more(self, store: AsyncEngine) -> None:
        now = [T0]
        registry = Registry(store, lambda: now[0])
        _, secret = await registry.api_keys.create("job", "operator", expires_us=T0 + 10)
        assert await registry.api_keys.verify(secret) is not None
        now[0] = T0 + 10
        assert await registry.api_keys.verify(secret) is None

    async def test_roles_are_known_ones(self, registry: Registry) -> None:
        with pytest.raises(InvalidInput, match="role: must be one of viewer, operator, energy"):
            await registry.api_keys.create("x", "root")


@pytest.mark.parametrize("limit", [0, -1, 1_001])
async def test_pages_are_bounded(registry: Registry, limit: int) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        await registry.list_chargers(limit=limit)
