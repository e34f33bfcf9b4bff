"""Work that outlives the cancellation of who waits for it."""

import asyncio

import pytest

from supervisor.unbroken import unbroken


async def test_the_result_and_the_error_of_the_work_come_through() -> None:
    async def fails() -> None:
        raise ValueError("no")

    assert await unbroken(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="no"):
        await unbroken(fails())


async def test_a_round_that_has_begun_ends_before_the_cancelled_caller_does() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        ended.append(True)

    caller = asyncio.ensure_future(unbroken(work(), grace_s=30))
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == [True]


async def test_work_that_never_ends_is_cancelled_after_the_grace() -> None:
    cancelled = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    caller = asyncio.ensure_future(unbroken(work(), grace_s=0.01))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert cancelled == [True]
