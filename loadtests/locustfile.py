"""Chargers without a story: as many as `--users`, as fast as `--spawn-rate`, for `--run-time`."""

from loadtests.cast import ApiUser, OcppUser


class Charger(OcppUser):
    """An ordinary one; `--simulator` says what is different."""


class Operator(ApiUser):
    """Somebody who looks at the lists and sends commands; does nothing without `--api`."""

    fixed_count = 1
