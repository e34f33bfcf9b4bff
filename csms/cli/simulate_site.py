"""`csms simulate-site`."""

import json
import re
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from actors.site.settings import Policy, SiteSettings
from actors.site.tree import compile_tree
from csms.cli.errors import fail
from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import table
from csms.cli.site_models import read_model
from csms.config import load_config
from csms.simulate_site.read import ROWS_MAX, SESSIONS_QUERY, from_csv, from_rows, in_places
from csms.simulate_site.report import figures, svg
from csms.simulate_site.run import Outcome, Scenario, simulate
from csms.simulate_site.sessions import Session, workplace_sessions
from domain.errors import InvalidInput
from domain.site import Circuit, EvsePlace, Site

BEGIN_US = 1_767_571_200_000_000
"""Synthetic days begin on Monday, 5 January 2026."""
ROTATIONS = ("RST", "STR", "TRS")
NAME = re.compile(r"[\w.-]{1,64}")


def simulate_site(
    policies: Annotated[
        list[Policy] | None,
        typer.Option("--policy", help="Which, once or more. [default: all]"),
    ] = None,
    sessions: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            exists=True,
            dir_okay=False,
            help="Recorded sessions, in ACN-Data's columns.",
        ),
    ] = None,
    recorded: Annotated[
        str | None,
        typer.Option(metavar="SITE", help="Sessions that this installation has of a site."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The site, TOML or JSON. [default: one circuit]"),
    ] = None,
    power_kw: Annotated[float, typer.Option(min=1, help="Of that one circuit.")] = 50.0,
    evses: Annotated[int, typer.Option(min=1, max=2_000, help="Of synthetic days, no model.")] = 54,
    days: Annotated[int, typer.Option(min=1, max=60, help="Synthetic ones.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed, the same days.")] = 1,
    step: Annotated[int, typer.Option(min=5, max=900, help="Seconds between decisions.")] = 60,
    blind: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--blind", help="Policies know neither departure nor energy.")
    ] = False,
    planned: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--plan", help="A linear program guides them (needs highspy).")
    ] = False,
    price: Annotated[
        list[float] | None,
        typer.Option(help="Per kWh, of the hours of a day; fewer than 24 repeat."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="SVG", help="Write a plot.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Replay sessions against the policies of a site, in virtual time."""
    if sessions is not None and recorded is not None:
        fail("--sessions and --recorded exclude each other", 2)
    for file in (plot, json_file):
        if file is not None and not file.parent.is_dir():
            fail(f"there is no folder {file.parent}", 2)
    site = read_model(model) if model is not None else None
    if sessions is not None:
        stays = from_csv(sessions)
    elif recorded is not None:
        stays = in_places(_recorded(recorded, data, config), site)
    else:
        names = [p.id for p in site.places] if site else [f"E{n:03d}/1" for n in range(evses)]
        stays = workplace_sessions(names, days, BEGIN_US, Random(seed))  # noqa: S311 - no secret
    if not stays:
        fail("there are no sessions to replay", 4)
    tree = compile_tree(site or _one_circuit(stays, power_kw))
    unknown = sorted({one.place for one in stays} - set(tree.places))
    if unknown:
        fail(f"the site has no place {', '.join(unknown[:5])}", 2)
    outcomes: dict[str, Outcome] = {}
    for policy in policies or list(Policy):
        scenario = Scenario(
            tree,
            stays,
            SiteSettings(policy=policy),
            step_s=step,
            informed=not blind,
            planned=planned,
            prices=tuple(price or ()),
        )
        outcomes[policy.value] = simulate(scenario)
    rows = {name: figures(outcome) for name, outcome in outcomes.items()}
    columns = ("policy", *next(iter(rows.values())))
    table(columns, [(name, *(_short(one) for one in row.values())) for name, row in rows.items()])
    if plot is not None:
        plot.write_text(svg(outcomes), encoding="utf-8")
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _short(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _one_circuit(stays: list[Session], power_kw: float) -> Site:
    places = sorted({one.place for one in stays})
    phases = {one.place: one.phases for one in stays}
    return Site(
        "site",
        (Circuit("supply", limit_a=power_kw * 1_000 / 3 / 230),),
        tuple(
            EvsePlace(name, name, 1, "supply", phases=phases[name], rotation=ROTATIONS[number % 3])
            for number, name in enumerate(places)
        ),
    )


def _recorded(site: str, data: Path | None, config: Path | None) -> list[Session]:
    # Imported here: it may load the embedded engine.
    from actors.warehouse.console import run_sql  # noqa: PLC0415

    if not NAME.fullmatch(site):
        raise InvalidInput("--recorded", "is not the id of a site")
    settings = load_config(file=config, data=data)
    answer = run_sql(
        settings.data,
        SESSIONS_QUERY.format(site=site),
        "table",
        ROWS_MAX,
        run_dir=settings.paths.run,
        settings=settings.warehouse,
    )
    return [] if isinstance(answer, bytes) else from_rows(answer.rows)
