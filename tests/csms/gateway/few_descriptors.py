"""A gateway in a process of its own that may open few files: prints its port, ends with stdin."""

import asyncio
import resource
import sys
from pathlib import Path

import uvloop

from tests.csms.gateway.harness import gateway_running


async def serve(folder: Path, files_max: int) -> None:
    async with gateway_running(folder) as node:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, hard))
        print(node.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    loops = {"asyncio": asyncio.run, "uvloop": uvloop.run}
    loops[sys.argv[3]](serve(Path(sys.argv[1]), int(sys.argv[2])))
