"""The command line. `main` is the entry point; each module here has the commands of one concern."""

import typer

from csms.cli import (
    doctor,
    pki,
    records,
    run,
    settings,
    simulate_site,
    site_models,
    users,
)
from csms.cli.errors import ReportingGroup

app = typer.Typer(
    name="csms",
    help="An OCPP charging station management system.",
    cls=ReportingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(run.serve)
app.command()(run.demo)
app.command()(run.sql)
app.command()(run.simulate)
app.command("simulate-site")(simulate_site.simulate_site)
app.command()(doctor.doctor)
app.add_typer(records.charger, name="charger", no_args_is_help=True)
app.add_typer(records.token, name="token", no_args_is_help=True)
records.site.command("apply")(site_models.apply_model)
records.site.command("show")(site_models.show_model)
records.site.command("capacity")(site_models.set_capacity)
records.site.command("signals")(site_models.set_signals)
app.add_typer(records.site, name="site", no_args_is_help=True)
app.add_typer(records.key, name="key", no_args_is_help=True)
app.add_typer(users.user, name="user", no_args_is_help=True)
app.add_typer(pki.app, name="pki", no_args_is_help=True)
app.add_typer(settings.config_app, name="config", no_args_is_help=True)
app.add_typer(settings.db, name="db", no_args_is_help=True)


def main() -> None:
    """Run the command line."""
    app()
