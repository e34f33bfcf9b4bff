from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.idempotency import Begin, End, Kept, write
from storage.relational.tables import idempotency_keys
from tests.storage.relational.kit import T0, rows

ANSWER = Kept(b"d", 200, '{"content-type": "application/json"}', b"{}")


def begin(name: str, digest: bytes = b"d", *, caller: str = "k", expires_us: int = 10) -> Begin:
    return Begin(caller, name, "default", digest, T0, T0 + expires_us)


async def test_the_first_of_many_at_once_is_new_and_the_others_know_it(store: AsyncEngine) -> None:
    asked = [begin("a"), begin("b"), begin("a", b"other"), begin("a", caller="l")]
    assert await write(store, asked, []) == [None, None, Kept(b"d", 0, "", b""), None]
    again = await write(store, [begin("c"), begin("a", b"third")], [])
    assert again == [None, Kept(b"d", 0, "", b"")]


async def test_answers_are_kept_and_what_did_nothing_is_forgotten(store: AsyncEngine) -> None:
    await write(store, [begin("a"), begin("b"), begin("c")], [])
    ends = [End("k", "a", ANSWER), End("k", "b", None)]
    assert await write(store, [begin("b")], ends) == [None]
    assert await write(store, [begin("a"), begin("c")], []) == [ANSWER, Kept(b"d", 0, "", b"")]


async def test_what_has_expired_is_new_again(store: AsyncEngine) -> None:
    await write(store, [begin("a"), begin("b", expires_us=2)], [])
    later = begin("b")._replace(now_us=T0 + 5, expires_us=T0 + 15)
    assert await write(store, [later], []) == [None]
    assert [row["name"] for row in await rows(store, idempotency_keys)] == ["a", "b"]


async def test_more_than_one_statement_can_ask_for(store: AsyncEngine) -> None:
    many = [begin(f"{number:04d}") for number in range(1_200)]
    assert await write(store, many, []) == [None] * 1_200
    assert await write(store, many, []) == [Kept(b"d", 0, "", b"")] * 1_200
