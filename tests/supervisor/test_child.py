import pytest

from supervisor.child import CHILDREN_MAX, Child, check_tree, render_tree, start_order

TREE = (
    Child("gateway-0", "csms.gateway:run", shutdown_s=20),
    Child("ledger", "csms.ledger:run", stage=1),
    Child("api-0", "csms.api:run", stage=2, restart="temporary"),
)


@pytest.mark.parametrize("name", ["", "Gateway", "a/b", "../a", "a b", "0a", "a" * 33])
def test_a_name_that_cannot_be_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        Child(name, "m:f")


@pytest.mark.parametrize("entry", ["", "module", "module.function", "a:b:c", "a b:c"])
def test_an_entry_must_be_module_colon_function(entry: str) -> None:
    with pytest.raises(ValueError, match="module:function"):
        Child("a", entry)


@pytest.mark.parametrize("limit", ["shutdown_s", "hang_s", "start_s"])
def test_a_limit_must_be_positive(limit: str) -> None:
    with pytest.raises(ValueError, match=f"{limit} must be more than 0"):
        Child("a", "m:f", **{limit: 0.0})


def test_two_children_of_one_name_make_no_tree() -> None:
    with pytest.raises(ValueError, match="more than one child is named a"):
        check_tree([Child("a", "m:f"), Child("a", "m:g")])


@pytest.mark.parametrize("count", [0, CHILDREN_MAX + 1])
def test_a_tree_has_a_limited_number_of_children(count: int) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        check_tree([Child(f"c{number}", "m:f") for number in range(count)])


def test_the_highest_stage_is_started_first_and_rows_keep_their_order() -> None:
    rows = [Child("a", "m:f"), Child("b", "m:f", stage=1), Child("c", "m:f")]
    assert [row.name for row in start_order(rows)] == ["b", "a", "c"]


def test_the_tree_is_drawn_from_its_rows() -> None:
    assert render_tree(TREE) == (
        "main\n"
        "└ ActorSystem (admin)\n"
        "  └ NodeSupervisor\n"
        "    ├ api-0      csms.api:run      temporary, stage 2, drains in 10 s, silent 3 s = SIGKILL\n"
        "    ├ ledger     csms.ledger:run   permanent, stage 1, drains in 10 s, silent 3 s = SIGKILL\n"
        "    └ gateway-0  csms.gateway:run  permanent, stage 0, drains in 20 s, silent 3 s = SIGKILL"
    )
