import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import InvalidInput, NotFound
from storage.relational import passwords
from storage.relational.credentials import keep_secret
from storage.relational.sign_ins import Lifetime, Purpose, SignInLinks, SignIns
from storage.relational.tables import sign_in_links, sign_ins
from storage.relational.users import NewUser, User, Users
from tests.storage.relational.kit import SECOND, T0, rows

LIFE = Lifetime(absolute_s=100, idle_s=10)


class Now:
    """Time that tests set."""

    us = T0

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def users(store: AsyncEngine, now: Now) -> Users:
    return Users(store, now)


@pytest.fixture
def sessions(store: AsyncEngine, now: Now) -> SignIns:
    return SignIns(store, now)


@pytest.fixture
def links(store: AsyncEngine, now: Now) -> SignInLinks:
    return SignInLinks(store, now)


def admin(login: str = "anna") -> NewUser:
    return NewUser(login, "admin", kept="a hash")


async def begin(sessions: SignIns, user: User, per_owner_max: int = 9) -> str:
    _, secret = await sessions.begin(
        user, LIFE, remote="127.0.0.1", user_agent="x" * 999, per_owner_max=per_owner_max
    )
    return secret


async def is_open(sessions: SignIns, secret: str) -> bool:
    return await sessions.find(keep_secret(secret), LIFE.idle_s) is not None


async def test_two_admins_who_remove_each_other_at_once_do_not_both_succeed(users: Users) -> None:
    both = [await users.create(admin(name)) for name in ("anna", "berta")]
    done = await asyncio.gather(*(users.delete(one.id) for one in both), return_exceptions=True)
    assert sorted(type(one) for one in done if one) == [InvalidInput]
    assert len(await users.page(None)) == 1


async def test_a_session_ends_when_it_is_idle_and_after_its_time(
    users: Users, sessions: SignIns, now: Now
) -> None:
    user = await users.create(admin())
    idle, used = await begin(sessions, user), await begin(sessions, user)
    (first, second) = (await rows(sessions._engine, sign_ins))[:2]
    used_id = next(row["id"] for row in (first, second) if row["digest"] == keep_secret(used))
    for step in range(1, 13):
        now.us = T0 + step * 9 * SECOND
        await sessions.seen(used_id)
        assert await is_open(sessions, used) == (step * 9 < 100)
        assert await is_open(sessions, idle) == (step * 9 < 10)
    await begin(sessions, user)
    assert len(await rows(sessions._engine, sign_ins)) == 1, "what has expired is removed"


async def test_beyond_the_limit_the_oldest_session_of_a_user_ends(
    users: Users, sessions: SignIns, now: Now
) -> None:
    user = await users.create(admin())
    secrets = []
    for number in range(4):
        now.us = T0 + number
        secrets.append(await begin(sessions, user, per_owner_max=2))
    assert [await is_open(sessions, one) for one in secrets] == [False, False, True, True]


@pytest.mark.parametrize("change", ["disable", "delete", "password"])
async def test_what_ends_rights_ends_sessions_and_links(
    users: Users, sessions: SignIns, links: SignInLinks, store: AsyncEngine, change: str
) -> None:
    user = await users.create(admin())
    await users.create(admin("berta"))
    secret = await begin(sessions, user)
    link = await links.make(Purpose.password, 60, user=user)
    if change == "disable":
        await users.change(user.id, {"disabled": True})
    elif change == "delete":
        await users.delete(user.id)
    else:
        await users.set_password(user.id, "another hash")
    assert not await is_open(sessions, secret)
    assert await links.look(link) is None
    assert await rows(store, sign_ins) == []
    assert await rows(store, sign_in_links) == []


async def test_a_link_is_valid_once_and_for_its_time(
    users: Users, links: SignInLinks, now: Now
) -> None:
    user = await users.create(admin())
    link = await links.make(Purpose.sign_in, 60, user=user)
    assert (await links.use(link)).id == user.id
    with pytest.raises(NotFound):
        await links.use(link)
    late = await links.make(Purpose.password, 60, user=user)
    now.us = T0 + 60 * SECOND
    assert await links.look(late) is None
    with pytest.raises(NotFound):
        await links.use(late, kept="new")


async def test_a_link_that_was_used_wrongly_is_still_valid(links: SignInLinks) -> None:
    link = await links.make(Purpose.first_admin, 60)
    with pytest.raises(InvalidInput):
        await links.use(link, kept="hash", login="a b")
    assert (await links.use(link, kept="hash", login="anna")).role == "admin"


async def test_only_one_of_many_at_once_uses_a_link(users: Users, links: SignInLinks) -> None:
    user = await users.create(admin())
    link = await links.make(Purpose.sign_in, 60, user=user)
    done = await asyncio.gather(*(links.use(link) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, User) for one in done) == 1


async def test_nobody_is_let_in_by_a_link_while_disabled(users: Users, links: SignInLinks) -> None:
    user = await users.create(NewUser("anna", "viewer"))
    user = await users.change(user.id, {"disabled": True})
    with pytest.raises(InvalidInput, match="disabled"):
        await links.make(Purpose.password, 60, user=user)


def test_a_name_that_nobody_has_takes_as_much_work_as_any_other() -> None:
    assert extract_parameters(passwords.NOBODY) == extract_parameters(PasswordHasher().hash("x"))
    assert not passwords.verify("", "anything")


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    kept = passwords.keep("passw\u00f6rd")
    assert passwords.verify(kept, "passwo\u0308rd")
    assert not passwords.verify(kept, "password")
    assert not passwords.verify("no hash", "passw\u00f6rd")
    assert not passwords.verify(kept, "\ud800")


@pytest.mark.parametrize(
    ("password", "rule"),
    [("a" * 20, "one character"), ("short", "12 to 256"), ("x1" * 129, "12 to 256"),
     ("Anna-Anna-Anna", "the name")],
    ids=["same", "short", "long", "name"],
)  # fmt: skip
def test_a_password_that_is_easily_guessed_is_refused(password: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        passwords.check_password(password, 12, "anna-anna-anna")
