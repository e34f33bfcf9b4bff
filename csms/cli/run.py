"""`csms serve`, `csms demo`, `csms simulate` and `csms sql`."""

import asyncio
import json
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from csms.cli.errors import fail
from csms.cli.invocation import own_command
from csms.cli.options import ConfigOption, DataOption, address
from csms.cli.show import table
from csms.config import Config, load_config
from csms.simulator.driver import Fleet, Member
from csms.simulator.faults import FAULTS, FaultSettings
from csms.simulator.identity import Identity
from csms.simulator.models import MODELS, Model
from csms.simulator.trust import trust
from supervisor.clock import Clock

ListenOption = Annotated[
    str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where chargers connect.")
]
ListenTlsOption = Annotated[
    str | None,
    typer.Option(
        "--listen-tls", metavar="HOST:PORT", help="Where security profile 2 is served: TLS."
    ),
]
ListenMtlsOption = Annotated[
    str | None,
    typer.Option(
        "--listen-mtls",
        metavar="HOST:PORT",
        help="Where security profile 3 is served: TLS with certificates of chargers.",
    ),
]
ApiOption = Annotated[
    str | None, typer.Option("--api", metavar="HOST:PORT", help="Where the REST interface is.")
]
GatewaysOption = Annotated[
    int | None, typer.Option("--gateways", metavar="N", help="Gateway processes.")
]
STATUS_S = 5.0
ENDINGS: Mapping[int, str] = {
    70: "a process ended again and again, so the node has stopped",
    71: "the supervisor of the processes ended again and again, so the node has stopped",
    73: "stopped, but a process was killed because it was not done in time",
}
"""supervisor.boot.ExitCode -> what a terminal is told; it is not imported here, being slow."""
MESSAGES_QUERY = "SELECT charger, action, count() FROM ocpp_messages GROUP BY 1, 2"
POWER_QUERY = (
    "SELECT site, charger, max(value) AS watts FROM samples "
    "WHERE measurand = 'Power.Active.Import' AND ts > now() - 30 GROUP BY 1, 2 ORDER BY 1, 2"
)


def _overrides(
    listen: str | None, api: str | None, gateways: int | None, unknown: list[str] | None
) -> dict[str, object]:
    host, port = address("--listen", listen)
    api_host, api_port = address("--api", api)
    return {
        "listen.host": host,
        "listen.port": port,
        "listen.gateways": gateways,
        "listen.accept_unknown": list(unknown) if unknown else None,
        "api.host": api_host,
        "api.port": api_port,
    }


def serve(
    data: DataOption = None,
    config: ConfigOption = None,
    listen: ListenOption = None,
    api: ApiOption = None,
    gateways: GatewaysOption = None,
    listen_tls: ListenTlsOption = None,
    listen_mtls: ListenMtlsOption = None,
    accept_unknown: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-unknown",
            metavar="CIDR",
            help="Enrol unknown chargers from this network, without a password. "
            "A network other than loopback must be said twice.",
        ),
    ] = None,
) -> None:
    """Run a node: gateways, ledger, warehouse and REST interface. SIGTERM or ctrl-C drains it."""
    tls_host, tls_port = address("--listen-tls", listen_tls)
    mtls_host, mtls_port = address("--listen-mtls", listen_mtls)
    encrypted = {
        "listen.tls_host": tls_host,
        "listen.tls_port": tls_port,
        "listen.mtls_host": mtls_host,
        "listen.mtls_port": mtls_port,
    }
    settings = load_config(
        file=config,
        data=data,
        overrides=_overrides(listen, api, gateways, accept_unknown) | encrypted,
    )
    _run_node(settings, lambda places: _say_started(settings, places))


def _run_node(config: Config, started: Any, extra: Any = ()) -> None:  # noqa: ANN401 - see csms.app
    # Imported here: the other commands have no use for the actor system.
    from csms.app import serve as run_node  # noqa: PLC0415
    from supervisor.boot import NodeError  # noqa: PLC0415

    try:
        code = run_node(config, started, extra)
    except NodeError as error:
        fail(str(error), int(error.exit_code))
    why = how_it_ended(code, config.paths.log)
    if why:
        fail(why, int(code))
    raise typer.Exit(int(code))


def how_it_ended(code: int, logs: Path) -> str:
    """Return a sentence on why a node has ended by itself, empty when it was told to and did."""
    sentence = ENDINGS.get(code, "")
    return f"{sentence}; the logs are in {logs}" if sentence else ""


def _say_started(config: Config, places: Any) -> None:  # noqa: ANN401 - csms.app.Addresses
    data = shlex.quote(str(config.data))
    csms = _again()
    lines = [
        *(f"chargers  {url}{{id}}" for url in (places.chargers, places.tls, places.mtls) if url),
        f"api       {places.api}/api/v1    what it can do: {places.api}/api/docs",
        f"data      {config.data}",
    ]
    if places.link:
        lines.append(f"sign in   {places.api}{places.link}")
        hours = config.sign_in.link_s / 3600
        lines.append(f"          makes the first admin, once, within {hours:g} hours")
    if config.listen.accept_unknown:
        networks = ", ".join(sorted(set(config.listen.accept_unknown)))
        lines.append(f"unknown   chargers from {networks} are enrolled without a password")
    lines += [
        *_late(config, places),
        "",
        "Try in another terminal:",
        f"  {csms} charger add CP1 --data {data}",
        f"  {csms} key create --role admin --data {data}",
        f'  {csms} sql --data {data} "{MESSAGES_QUERY}"',
        "Stop with ctrl-C.",
    ]
    _say(lines)


def _late(config: Config, places: Any) -> list[str]:  # noqa: ANN401 - csms.app.Addresses
    late = ", ".join(places.late)
    return [f"not yet   {late}: what comes there waits; the logs: {config.paths.log}"] * bool(late)


def _again() -> str:
    return own_command(sys.argv[0], sys.executable, Path.cwd())


def _say(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def demo(
    data: DataOption = None,
    chargers: Annotated[int, typer.Option(min=1, max=200, help="Simulated chargers.")] = 20,
    listen: ListenOption = None,
    api: ApiOption = None,
) -> None:
    """Run a node with simulated chargers on three sites; ctrl-C ends it.

    Without --data everything is in a temporary folder that is removed at the end.
    """
    from csms.demo import prepare_demo  # noqa: PLC0415

    folder = data or Path(tempfile.mkdtemp(prefix="csms-demo-"))
    try:
        config = load_config(data=folder, overrides=_overrides(listen, api, None, None))
        moved = {
            f"{name}.port": 0
            for name, section, said in (
                ("listen", config.listen, listen),
                ("api", config.api, api),
            )
            if said is None and _is_taken(section.host, section.port)
        }
        overrides = _overrides(listen, api, None, None) | moved
        config = load_config(data=folder, overrides=overrides)
        prepared = asyncio.run(prepare_demo(config, chargers))
        _run_node(config, lambda places: _say_demo(config, places, prepared), (prepared.child,))
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _is_taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _say_demo(config: Config, places: Any, prepared: Any) -> None:  # noqa: ANN401 - lazily imported
    data = shlex.quote(str(config.data))
    first = prepared.chargers[0]
    auth = '-H "Authorization: Bearer $KEY"'
    calls = f"{places.api}/api/v1/chargers/{first}/calls?wait=30"
    body = '{"action": "TriggerMessage", "payload": {"requestedMessage": "MeterValues"}}'
    _say(
        [
            f"chargers  {places.chargers}" + "{id}   " + f"({len(prepared.chargers)} simulated)",
            f"page      {places.api}{prepared.link}    signs you in, once",
            f"api       {places.api}/api/v1    what it can do: {places.api}/api/docs",
            f"data      {config.data}",
            f"key       {prepared.key}",
            *_late(config, places),
            "",
            "Try in another terminal:",
            f"  export KEY={prepared.key}",
            f"  curl -s {auth} '{places.api}/api/v1/chargers?limit=3'",
            f"  curl -s {auth} '{places.api}/api/v1/transactions?state=open'",
            f"  curl -s {auth} '{places.api}/api/v1/sites/harbour/limits'",
            f"  curl -s {auth} '{places.api}/api/v1/messages?charger={first}&limit=5'",
            f"  curl -s {auth} -H 'Content-Type: application/json' -d '{body}' '{calls}'",
            f'  {_again()} sql --data {data} "{POWER_QUERY}"',
            "Stop with ctrl-C.",
        ]
    )


def simulate(
    url: Annotated[str, typer.Option(help="What comes before the identity: ws://HOST:PORT/ocpp.")],
    count: Annotated[
        int, typer.Option("--chargers", "--count", min=1, max=20_000, help="How many.")
    ] = 1,
    prefix: Annotated[str, typer.Option(help="Identities are PREFIX00000 and on.")] = "SIM",
    password: Annotated[
        str | None, typer.Option(help="Of all of them. [default: connect without]")
    ] = None,
    tokens: Annotated[
        list[str] | None, typer.Option("--token", help="Cards of the drivers. [default: SIMTAG]")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help=f"By turns, once or more: {', '.join(MODELS)}. [default: exemplary]"
        ),
    ] = None,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME=CHANCE",
            help=f"What goes wrong at each message: {', '.join(FAULTS)}, or all.",
        ),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Whom to trust on wss://. [default: system]")
    ] = None,
    cert: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Certificate and key: security profile 3.")
    ] = None,
    books: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Write what was sent and acknowledged.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed, the same characters.")] = 1,
    duration: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many seconds. [default: ctrl-C]")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run virtual chargers against any server, in this process."""
    settings = load_config(file=config).simulator
    if faults:
        settings = settings.model_copy(update={"faults": _faults(faults)})
    kinds = [_model(name) for name in models or ["exemplary"]]
    identities = [
        Identity.of(f"{prefix}{number:05d}", kinds[number % len(kinds)]) for number in range(count)
    ]
    try:
        tls = trust(url, ca, cert)
    except OSError as error:
        fail(f"--ca, --cert: {error}", 2)
    fleet = Fleet(
        url,
        [Member(identity, password) for identity in identities],
        tokens=tuple(tokens or ["SIMTAG"]),
        settings=settings,
        seed=seed,
        clock=Clock(),
        tls=tls,
    )
    asyncio.run(_simulate(fleet, count, duration))
    if books is not None:
        rows = {one.member.identity.id: one.books.to_json() for one in fleet.virtual}
        books.write_text(json.dumps(rows, indent=1) + "\n")
    if fleet.counts().connects == 0:
        reasons = ", ".join(f"{why} ({times} times)" for why, times in fleet.refused.items())
        fail(f"no charger could connect to {url}: {reasons or 'no attempt ended'}", 3)


def _model(name: str) -> Model:
    if name not in MODELS:
        fail(f"--model {name}: there are {', '.join(MODELS)}", 2)
    return MODELS[name]


def _faults(said: list[str]) -> FaultSettings:
    rates: dict[str, float] = {}
    for row in said:
        name, _, text = row.partition("=")
        try:
            chance = float(text)
            rates |= dict.fromkeys(FAULTS if name == "all" else (name,), chance)
            FaultSettings(rates=rates)
        except ValueError:
            fail(f"--fault {row}: NAME=CHANCE, 0 to 1; names: {', '.join(FAULTS)}, all", 2)
    return FaultSettings(rates=rates)


async def _simulate(fleet: Fleet, count: int, duration: float | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if duration is not None:
        loop.call_later(duration, stop.set)
    reporting = loop.create_task(_report(fleet, count))
    try:
        await fleet.run(stop)
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
    _print_state(fleet, count)
    _print_latencies(fleet)


async def _report(fleet: Fleet, count: int) -> None:
    while True:
        await asyncio.sleep(STATUS_S)
        _print_state(fleet, count)


def _print_state(fleet: Fleet, count: int) -> None:
    counts, books = fleet.counts(), fleet.books()
    refused = ", ".join(f"{why}: {times}" for why, times in sorted(books.refused.items()))
    faults = ", ".join(f"{name}: {times}" for name, times in sorted(books.faults.items()))
    Console(stderr=True, highlight=False).print(
        f"{fleet.connected}/{count} connected, {fleet.charging} charging, "
        f"{counts.calls} calls, {counts.answers} answers, {counts.errors} errors, "
        f"{counts.timeouts} timeouts, {counts.started} started, {counts.stopped} stopped"
        + (f"; refused: {refused}" if refused else "")
        + (f"; faults: {faults}" if faults else "")
    )


def _print_latencies(fleet: Fleet) -> None:
    for (kind, name), series in sorted(fleet.latencies.series.items()):
        Console(stderr=True, highlight=False).print(
            f"{kind:8}{name:28}{series.count:>8} p50 {series.quantile_ms(0.5):>9.1f} ms"
            f" p99 {series.quantile_ms(0.99):>9.1f} ms"
            + (f"  failed {series.failed}" if series.failed else "")
        )


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT statement.")],
    data: DataOption = None,
    config: ConfigOption = None,
    form: Annotated[
        str, typer.Option("--format", help="table, json (list of objects), ndjson or csv.")
    ] = "table",
    rows_max: Annotated[int, typer.Option("--rows", min=1, help="Cut off after so many.")] = 10_000,
) -> None:
    """Ask ClickHouse. Works while the node runs and while it does not."""
    # Imported here: it may load the embedded engine, which no other command needs.
    from actors.warehouse.console import run_sql  # noqa: PLC0415

    settings = load_config(file=config, data=data)
    answer = run_sql(
        settings.data,
        query,
        form,
        rows_max,
        run_dir=settings.paths.run,
        settings=settings.warehouse,
    )
    if isinstance(answer, bytes):
        sys.stdout.write(answer.decode())
        sys.stdout.flush()
    else:
        table(answer.columns, answer.rows)
