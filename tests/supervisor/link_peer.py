"""A process that serves one link: `python -m tests.supervisor.link_peer PATH`. Ends with its parent."""

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path

from supervisor.link_frames import Body
from supervisor.links import Link, LinkServer


async def _hang(_link: Link, _body: Body) -> None:
    await asyncio.Event().wait()


def _pid(_link: Link, _body: Body) -> int:
    return os.getpid()


async def main(path: Path) -> None:
    async with LinkServer(path, {"pid": _pid, "hang": _hang}):
        await asyncio.sleep(60)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    asyncio.run(main(Path(sys.argv[1])))
