"""A page: where it is and what answers."""

from typing import NamedTuple

from csms.dashboard.view import Handler


class Page(NamedTuple):
    """One row of the table of pages. `path` comes after BASE."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
