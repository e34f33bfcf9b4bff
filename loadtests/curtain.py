"""When the curtain falls: accounts, verdict, files, exit code.

Exit codes: 0 passed; 1 a threshold was not kept, or something acknowledged is not stored; 3 the
server could not be asked for what it has stored.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.html import get_html_report
from locust.runners import STATE_INIT, STATE_STOPPED, WorkerRunner

from csms.simulator.books import sums
from loadtests.accounts import Account, settle
from loadtests.ask import NotTold, stored_bills, stored_messages
from loadtests.report import with_tab
from loadtests.stage import Stage, stage_of
from loadtests.verdicts import Judgement, Measured, Thresholds, judge, junit, read_thresholds

FAILED, NOT_ASKED = 1, 3
LATE_S = 20.0
STOPPED = {STATE_INIT, STATE_STOPPED}


def measured(environment: Any) -> list[Measured]:  # noqa: ANN401 - Locust's
    """Return the rows of Locust's statistics."""
    return [
        Measured(
            entry.method or "",
            entry.name,
            entry.num_requests,
            entry.num_failures,
            float(entry.get_response_time_percentile(0.5) or 0),
            float(entry.get_response_time_percentile(0.95) or 0),
            float(entry.get_response_time_percentile(0.99) or 0),
            float(entry.max_response_time or 0),
        )
        for entry in environment.stats.entries.values()
    ]


def take_stock(stage: Stage) -> Account:
    """Compare the books with the server's, as far as it can be asked.

    A server may tell late what it has kept: while something is missing it is asked again, for
    LATE_S.

    Raises:
        NotTold: it did not tell.
    """
    end_s = time.monotonic() + LATE_S
    while True:
        account = _ask(stage)
        if not account.loss or time.monotonic() > end_s:
            return account
        gevent.sleep(0.5)


def _ask(stage: Stage) -> Account:
    options = stage.options
    stored = stored_messages(options.data, stage.begun_us) if options.data else None
    bills = (
        stored_bills(options.api, options.api_key, stage.begun_us)
        if options.api and options.api_key
        else None
    )
    return settle(stage.books, stored, bills)


def generator(stage: Stage) -> dict[str, float]:
    """Return what the generator itself has cost."""
    timeline = stage.timeline
    rows = [gauge for _, gauge in timeline.rows]
    processes = max(1, len(timeline.latest))
    cores = sum(gauge.cpu for gauge in rows) / len(rows) if rows else 0.0
    most = timeline.most("connected")
    rss_mb = timeline.most("rss_mb")
    more_mb = rss_mb - timeline.most("base_mb")
    return {
        "processes": processes,
        "cores_mean": round(cores, 3),
        "cores_mean_per_process": round(cores / processes, 3),
        "cores_most": round(timeline.most("cpu"), 3),
        "lag_ms_mean": round(sum(gauge.lag_ms for gauge in rows) / len(rows), 1) if rows else 0.0,
        "lag_ms_most": timeline.most("lag_ms"),
        "rss_mb_most": round(rss_mb, 1),
        "connected_most": most,
        "kb_per_charger": round(more_mb * 1_000 / most, 1) if most else 0.0,
    }


def summarize(
    stage: Stage, account: Account, thresholds: Thresholds, problem: str
) -> dict[str, Any]:
    """Return the whole result as plain values."""
    rows = measured(stage.environment)
    cost = generator(stage)
    found = judge(
        thresholds,
        rows,
        loss=account.loss,
        generator_cores=cost["cores_mean_per_process"],
        generator_lag_ms=cost["lag_ms_mean"],
    )
    for crash in stage.environment.runner.exceptions.values():
        found.append(Judgement("generator", "no mistakes", crash["msg"], passed=False))
    if problem:
        found.append(Judgement("accounts", "the server tells", problem, passed=False))
    books = sums(stage.books.values())
    timeline = stage.timeline
    return {
        "passed": all(row.passed for row in found),
        "seed": stage.options.seed,
        "host": str(stage.environment.host),
        "begun_us": stage.begun_us,
        "seconds": timeline.rows[-1][0] if timeline.rows else 0.0,
        "chargers": {
            name: timeline.most(name) for name in ("users", "connected", "booted", "charging")
        },
        "verdict": [row._asdict() for row in found],
        "rows": [row._asdict() for row in rows],
        "accounts": account.to_json(),
        "commands": {action: asdict(tally) for action, tally in sorted(books.commands.items())},
        "faults": books.faults,
        "refused": books.refused,
        "generator": cost,
    }


def fall(stage: Stage) -> int:
    """Judge the run and write what was asked for; return the exit code."""
    options = stage.options
    text = Path(options.verdict).read_text() if options.verdict else ""
    thresholds = read_thresholds(text)
    problem = ""
    try:
        account = take_stock(stage)
    except NotTold as error:
        problem = str(error)
        account = settle(stage.books)
    summary = summarize(stage, account, thresholds, problem)
    found = [Judgement(**row) for row in summary["verdict"]]
    books = {name: one.to_json() for name, one in stage.books.items()}
    files = (
        (options.summary, lambda: json.dumps(summary, indent=1) + "\n"),
        (options.junit, lambda: junit(found)),
        (options.timeline, stage.timeline.csv),
        (options.books, lambda: json.dumps(books, indent=1) + "\n"),
        (options.report, lambda: _page(stage, summary)),
    )
    for name, make in files:
        if name:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(make())
    sys.stderr.write(told(summary))
    if problem:
        return NOT_ASKED
    return 0 if summary["passed"] else FAILED


def _page(stage: Stage, summary: dict[str, Any]) -> str:
    page = get_html_report(stage.environment, show_download_link=False)
    return with_tab(page, summary, stage.timeline.rows)


def told(summary: dict[str, Any]) -> str:
    """Return the end of a run as text for a terminal."""
    lines = ["", f"{'message':28}{'sent':>10}{'acknowledged':>14}{'stored':>10}{'lost':>8}"]
    accounts = summary["accounts"]
    for name, row in (*accounts["kinds"].items(), ("transactions", accounts["bills"])):
        stored = "?" if row["stored"] is None else row["stored"]
        lines.append(
            f"{name:28}{row['sent']:>10}{row['acknowledged']:>14}{stored:>10}{row['lost']:>8}"
        )
    cost = summary["generator"]
    loss = accounts["loss"]
    if accounts["dropped"]:
        lines.append(f"given up by chargers, unsent: {accounts['dropped']}")
    lines += [
        (
            f"generator: {cost['cores_mean']} cores on average in {cost['processes']} process(es), "
            f"{cost['rss_mb_most']} MB for {cost['connected_most']} chargers connected "
            f"({cost['kb_per_charger']} KB each); its greenlets woke "
            f"{cost['lag_ms_mean']} ms late on average, "
            f"{cost['lag_ms_most']} at most"
        ),
        *(
            f"asked: {row['what']} {row['asked']}; found {row['found']}"
            for row in summary["verdict"]
            if not row["passed"]
        ),
        f"loss: {'not known, the server was not asked' if loss is None else loss}",
        f"verdict: {'passed' if summary['passed'] else 'FAILED'}",
        "",
    ]
    return "\n".join(lines)


@events.quitting.add_listener
def _quitting(environment: Any, **_: Any) -> None:  # noqa: ANN401
    runner = environment.runner
    if runner is None or isinstance(runner, WorkerRunner):
        return
    stage = stage_of(environment)
    if not stage.begun_us:
        return
    if runner.state not in STOPPED:
        # SIGTERM: Locust says goodbye before it stops the users.
        runner.stop()
    environment.process_exit_code = fall(stage)
