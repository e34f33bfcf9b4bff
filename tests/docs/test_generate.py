from docs.generate import PAGES, differing, main, write
from protocol.v16 import INBOUND, OUTBOUND


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
