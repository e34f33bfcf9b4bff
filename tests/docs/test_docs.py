"""What the documentation says exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from csms.cli import app
from csms.config import Config, load_config, setting_names
from domain.access import Permission

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(page for page in ROOT.glob("*/README.md") if not page.parent.name.startswith(".")),
    ]
)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
PACKAGES = ("domain", "protocol", "supervisor", "storage", "actors", "csms")
FOLDERS = tuple(
    name
    for name in (*PACKAGES, "benchmarks", "tests", "loadtests")
    if any((ROOT / name).rglob("*.py"))
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"csms(?:\s+([a-z-].*))?$")
KEY = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
FILES = (".py", ".md", ".db", ".log", ".sock", ".toml", ".json", ".sql", ".snapshot", ".sh")
PERMISSIONS = frozenset(Permission)
SETTINGS = frozenset(setting_names())
SECTIONS = {name.partition(".")[0] for name in SETTINGS if "." in name}
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([^|]+) \|", re.MULTILINE)
VARIABLE = re.compile(r"\bCSMS_([A-Z]+(?:_[A-Z]+)*__[A-Z_]+)\b")


def prose_and_blocks(page: Path) -> tuple[str, list[str]]:
    """The text without its blocks of code, and the lines of those."""
    prose, lines, fenced = [], [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
        else:
            prose.append(line)
    return "\n".join(prose), lines


def anchor(heading: str) -> str:
    """How GitHub names a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def commands(page: Path) -> Iterator[str]:
    """Every command line of ours, without its first word."""
    prose, lines = prose_and_blocks(page)
    for text in (*lines, *CODE.findall(prose)):
        words = text.partition("  #")[0].partition(" > ")[0]
        for part in re.split(r"&&|;(?![^\"]*\"$)", words):
            found = COMMAND.match(part.strip().removeprefix("$ ").removeprefix(".venv/bin/"))
            if found:
                yield found[1] or ""


def resolve(line: str) -> tuple[list[str], click.Command, list[str]]:
    """The names of the subcommands, the command, and the words after it.

    Raises LookupError when there is no such command.
    """
    names: list[str] = []
    command: click.Command = typer.main.get_command(app)
    words = shlex.split(line)
    while isinstance(command, typer.core.TyperGroup) and words and not words[0].startswith("-"):
        context = click.Context(command)
        found = command.get_command(context, words[0])
        if found is None:
            raise LookupError(f"csms {line}: there is no {words[0]!r}")
        names.append(words.pop(0))
        command = found
    return names, command, words


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose, _ = prose_and_blocks(page)
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        if fragment:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert fragment in {anchor(heading) for heading in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_and_its_options_exist(page: Path) -> None:
    for line in commands(page):
        names, command, words = resolve(line)
        shown = CliRunner().invoke(app, [*names, "--help"])
        assert shown.exit_code == 0, line
        options = {option for parameter in command.params for option in parameter.opts}
        said = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert said <= options | {"--help"}, line


def test_commands_are_found_in_the_documentation() -> None:
    found = [line for page in PAGES for line in commands(page)]
    assert any(line.startswith("serve --data") for line in found)
    assert any(line.startswith("charger add") for line in found)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(LookupError, match="strat"):
        resolve("strat --data x")
    with pytest.raises(LookupError, match="paint"):
        resolve("charger paint CP1")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_setting_that_is_mentioned_exists(page: Path) -> None:
    prose, _ = prose_and_blocks(page)
    for text in CODE.findall(prose):
        if not KEY.fullmatch(text) or text.partition(".")[0] not in SECTIONS:
            continue
        if text.endswith(FILES) or text in PERMISSIONS:
            continue
        assert text in SETTINGS, text
    for name in VARIABLE.findall(page.read_text(encoding="utf-8")):
        assert name.lower().replace("__", ".") in SETTINGS, name


def test_the_defaults_in_the_tables_of_limits_are_those_of_the_code() -> None:
    rows = ROW.findall((ROOT / "docs/limits.md").read_text(encoding="utf-8"))
    assert len(rows) > 50
    config = load_config(environ={})
    for name, said in rows:
        value: object = config
        for part in name.split("."):
            value = getattr(value, part)
        assert isinstance(value, int | float), name
        assert f"{value:g}" == f"{float(said):g}", name


def test_every_section_of_the_configuration_is_known_here() -> None:
    assert {name for name, _ in Config.model_fields.items()} - {"data", "run"} == SECTIONS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_package_has_a_readme_with_the_same_headings(folder: str) -> None:
    readme = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    wanted = {"## Testing", "## Limitations and assumptions"}
    assert wanted <= set(readme.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert not re.search(r"/(?:work|home|root)/", page.read_text(encoding="utf-8"))


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs/adr"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("0*.md")}
    assert min(listed).startswith("0001")


def test_every_how_to_is_in_the_list_of_how_tos() -> None:
    folder = ROOT / "docs/how-to"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}
