"""Cursors come back as they were, and whatever else comes is refused."""

import base64
import json

import pytest

from domain.errors import InvalidInput
from storage.relational.cursors import WHOLE_MAX, decode, encode, whole


@pytest.mark.parametrize("values", [(7, "CP'1"), (-WHOLE_MAX, ""), (0, "ü\n")])
def test_a_cursor_comes_back_as_it_was(values: tuple[int, str]) -> None:
    assert decode(encode(*values), (int, str)) == list(values)


@pytest.mark.parametrize(
    "values",
    [
        [1],
        [1, 2],
        ["1", "a"],
        [True, "a"],
        [1.0, "a"],
        [WHOLE_MAX + 1, "a"],
        [1, "a\0"],
        [1, "\ud800"],
        {"a": 1},
        None,
    ],
)
def test_values_of_other_kinds_are_refused(values: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    with pytest.raises(InvalidInput, match="cursor: is not one of ours"):
        decode(text, (int, str))


@pytest.mark.parametrize("text", ["x", "é", "====", "bnVsbA", "[" * 9, "AAAA"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        decode(text, (int, str))


@pytest.mark.parametrize("text", ["", "-1", "1.0", "²", "1" * 19, "a"])
def test_a_number_of_a_cursor_fits_every_store(text: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        whole(text)
