import re
from pathlib import Path

import pytest

from csms.api.auth import Role
from csms.dashboard.pages import PAGES
from csms.dashboard.pages.inbox import ADVISED
from csms.dashboard.texts import FOLDER, LANGUAGES, choose, texts_of
from csms.dashboard.view import NAVIGATION, environment

PLACES = re.compile(r"\{(\w+)\}")
SOURCES = [
    *(FOLDER.parent / "templates").glob("*.html"),
    *(FOLDER.parent / "pages").glob("*.py"),
]
USED = re.compile(r"""\b(?:t|texts)\(\s*['"]([a-z_]+\.[A-Za-z_]+)['"]\s*[,)]""")
LITERAL = re.compile(r">\s*([A-Z][a-z]+(?: [a-z]+)*)\s*<")


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_every_language_has_the_same_texts_with_the_same_places(language: str):
    english, other = texts_of("en"), texts_of(language)
    assert other.keys() == english.keys()
    differing = {
        key
        for key in english._words
        if set(PLACES.findall(english._words[key])) != set(PLACES.findall(other._words[key]))
    }
    assert differing == set()


def test_every_text_that_is_used_is_in_the_catalogue():
    used = {key for source in SOURCES for key in USED.findall(source.read_text(encoding="utf-8"))}
    assert len(used) > 80
    assert used - texts_of("en").keys() == set()


def test_navigation_and_roles_have_texts():
    wanted = {f"nav.{entry.name}" for entry in NAVIGATION} | {f"role.{role.name}" for role in Role}
    assert wanted - texts_of("en").keys() == set()


def test_templates_have_no_words_of_their_own():
    found = {
        (source.name, words)
        for source in SOURCES
        if source.suffix == ".html"
        for words in LITERAL.findall(source.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_attributes_that_are_read_out_have_no_words_of_their_own():
    pattern = re.compile(r'\b(?:aria-label|title|alt|data-label)="(?=[^"{]*[A-Za-z]{2})[^"{]*"')
    found = {
        (source.name, match.group(0))
        for source in SOURCES
        if source.suffix == ".html"
        for match in pattern.finditer(source.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_scripts_say_nothing_that_is_not_in_the_catalogue():
    pattern = re.compile(r"""["'`][A-Z][a-z]+(?: [a-z]+)+[.!?]?["'`]""")
    found = {
        (source.name, match.group(0))
        for source in (FOLDER.parent / "static").glob("*.js")
        for match in pattern.finditer(source.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_advice_is_there_for_every_reason_that_promises_some():
    wanted = {f"advice.{reason}" for reason in ADVISED}
    keys = texts_of("en").keys()
    assert wanted == {key for key in keys if key.startswith("advice.")}


def test_templates_have_no_inline_scripts_styles_or_handlers():
    pattern = re.compile(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b"
    )
    found = {
        source.name
        for source in SOURCES
        if source.suffix == ".html" and pattern.search(source.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_every_template_compiles_and_every_page_has_one_place():
    names = environment().list_templates()
    assert len(names) > 10
    for name in names:
        environment().get_template(name)
    rows = [(page.path, method) for page in PAGES for method in page.methods]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("de", "en", "de"),
        ("xx", "fr, de;q=0.8, en;q=0.7", "de"),
        ("", "de-AT,de;q=0.9", "de"),
        ("../../etc", "*", "en"),
    ],
)
def test_the_users_choice_goes_before_the_browsers(chosen: str, accepted: str, language: str):
    assert choose(chosen, accepted) == language


def test_vendored_files_say_their_version_and_licence():
    vendored = sorted(path.name for path in (FOLDER.parent / "static" / "vendor").iterdir())
    assert vendored == [
        "htmx-2.0.11.min.js",
        "htmx-LICENSE.txt",
        "uplot-1.6.32.min.css",
        "uplot-1.6.32.min.js",
        "uplot-LICENSE.txt",
        "world-atlas-2.0.2-countries-110m.json",
        "world-atlas-2.0.2-countries-50m.json",
        "world-atlas-LICENSE.txt",
    ]
    assert Path(FOLDER.parent / "static" / "app.css").stat().st_size < 100_000
