"""The described interface against the running one: whatever schemathesis can think of.

For every operation of the OpenAPI document it makes requests that fit the document, and such that do
not, and looks at each answer: nothing but what is documented, no error of ours, bodies and headers
as their schemas say, wrong input refused, nothing without a key. It runs as its own process, with
all of its checks.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.csms.api.node import running_api
from tests.csms.api.test_every_route import things

ROOT = Path(__file__).parents[3]
SEED = 20260101
LIMITS = {
    # Thousands of requests from one address, many of them without a key, all at once.
    "api.rate_per_s": 1e6,
    "api.rate_burst": 1_000_000,
    "api.failed_attempts_max": 1_000_000,
    "api.live_stream_s": 0.05,
    "sign_in.failures_burst": 1_000_000,
    "sign_in.failures_per_name_burst": 1_000_000,
    "sign_in.failures_per_address_burst": 1_000_000,
}
CONFIG = """
[checks]
# What no schema can say: that a site is missing, that two instants are in order, that a thing has
# changed, that a charger is away.
positive_data_acceptance.expected-statuses = [
    "2xx", "3xx", "401", "403", "404", "409", "412", "413", "422",
]
negative_data_rejection.expected-statuses = [
    "304", "400", "401", "403", "404", "405", "409", "412", "413", "415", "422",
]

# Whatever is sent as text is text: a look at a file says what is wrong with its lines.
[[operations]]
include-name = "POST /api/v1/chargers.csv"
checks.negative_data_rejection.enabled = false
"""


async def found(folder: Path, *options: str) -> str:
    """Return what schemathesis has to say; empty: nothing."""
    async with running_api(**LIMITS) as api:
        names = await things(api, "blue", "blue-site")
        (folder / "schemathesis.toml").write_text(CONFIG)
        environ = os.environ | {
            "CSMS_TEST_NAMES": json.dumps(names),
            "SCHEMATHESIS_HOOKS": "tests.csms.api.schemathesis_hooks",
            "PYTHONPATH": str(ROOT),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
            "run", f"{api.url}/api/openapi.json",
            "--header", f"Authorization: Bearer {api.keys['admin']}",
            "--seed", str(SEED), "--generation-deterministic",
            "--continue-on-failure", "--no-color", *options,
            cwd=folder, env=environ,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
    text = said.decode(errors="replace")
    return "" if process.returncode == 0 else text


@pytest.mark.timeout(300)
async def test_every_operation_answers_as_it_is_described(tmp_path: Path) -> None:
    phases = ("--phases", "examples,fuzzing", "--max-examples", "4", "--no-shrink")
    assert await found(tmp_path, *phases) == ""


@pytest.mark.long
@pytest.mark.timeout(3_600)
async def test_every_operation_answers_as_it_is_described_at_length(tmp_path: Path) -> None:
    assert await found(tmp_path, "--max-examples", "40") == ""
