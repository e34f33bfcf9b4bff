import re

from actors.charger.machine import PHASES
from csms.config import setting_names
from csms.gateway.refusals import REFUSALS
from docs.generate import PAGES, differing, main, write
from protocol.v16 import INBOUND, OUTBOUND
from supervisor.telemetry import METRICS


def test_the_pages_are_what_the_code_says() -> None:
    assert differing() == []
    assert main(["--check"]) == 0


def test_a_page_that_differs_is_found_and_mended(tmp_path) -> None:
    assert differing(tmp_path) == list(PAGES)
    write(differing(tmp_path), tmp_path)
    assert differing(tmp_path) == []
    first = next(iter(PAGES))
    (tmp_path / first).write_text("old")
    assert differing(tmp_path) == [first]


def test_every_message_is_on_the_coverage_page() -> None:
    page = PAGES["ocpp-coverage.md"]()
    assert all(f"| {action} |" in page for action in (*INBOUND, *OUTBOUND))


def test_every_setting_is_on_the_configuration_page_and_says_what_it_does() -> None:
    rows = {
        line.split("`")[1]: line.split("|")[-2].strip()
        for line in PAGES["configuration.md"]().splitlines()
        if line.startswith("| `")
    }
    assert set(rows) == set(setting_names())
    assert [name for name, text in rows.items() if not text] == []


def test_every_metric_and_refusal_is_on_its_page() -> None:
    assert all(f"| `{row.name}` |" in PAGES["metrics.md"]() for row in METRICS)
    assert all(f"| `{reason}` |" in PAGES["refusals.md"]() for reason in REFUSALS)


def test_the_diagram_has_an_arrow_for_every_change_of_phase() -> None:
    arrows = re.findall(r"    (\w+) --> (\w+): (.+)", PAGES["charger-phases.md"]())
    drawn = {(before, what): after for before, after, all_ in arrows for what in all_.split(", ")}
    assert drawn == dict(PHASES)


def test_no_page_depends_on_where_it_is_made(tmp_path, monkeypatch) -> None:
    before = {name: page() for name, page in PAGES.items()}
    monkeypatch.chdir(tmp_path)
    assert {name: page() for name, page in PAGES.items()} == before
    assert not [name for name, text in before.items() if "/work/" in text or "/tmp/" in text]
