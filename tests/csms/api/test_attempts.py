from csms.api.attempts import US_PER_S, Attempts, Backoff
from csms.api.sign_in_settings import SignInSettings


def attempts(**settings: object) -> Attempts:
    return Attempts(SignInSettings.model_validate(settings))


def failing(tried: Attempts, address: str, name: str, times: int, now_us: int = 0) -> None:
    for _ in range(times):
        tried.began(address, name, now_us)


def test_each_failure_beyond_the_burst_doubles_the_wait_up_to_a_limit() -> None:
    backoff = Backoff(burst=2, wait_s_max=5, keys_max=10)
    waits = []
    for _ in range(6):
        backoff.failed("a", 0)
        waits.append(backoff.wait_us("a", 0) // US_PER_S)
    assert waits == [0, 1, 2, 4, 5, 5]
    assert backoff.wait_us("a", 5 * US_PER_S) == 0


def test_long_after_the_last_failure_one_begins_afresh() -> None:
    backoff = Backoff(burst=1, wait_s_max=5, keys_max=10)
    for _ in range(4):
        backoff.failed("a", 0)
    backoff.failed("a", 11 * US_PER_S)
    assert backoff.wait_us("a", 11 * US_PER_S) == US_PER_S


def test_only_so_many_are_remembered_and_the_oldest_goes() -> None:
    backoff = Backoff(burst=1, wait_s_max=5, keys_max=2)
    for key in ("a", "b", "c"):
        backoff.failed(key, 0)
    assert [backoff.wait_us(key, 0) > 0 for key in ("a", "b", "c")] == [False, True, True]


def test_a_name_is_held_up_from_all_addresses_but_that_of_its_owner() -> None:
    tried = attempts(failures_per_name_burst=5)
    tried.began("home", "Anna", 0)
    tried.succeeded("home", "Anna")
    for number in range(6):
        failing(tried, f"far-{number}", "ANNA", 1)
    assert tried.wait_us("elsewhere", "anna", 0) > 0
    assert tried.wait_us("home", "anna", 0) == 0
    failing(tried, "home", "anna", 6)
    assert tried.wait_us("home", "anna", 0) > 0


def test_an_account_of_ones_own_does_not_make_room_for_guessing_others() -> None:
    tried = attempts(failures_per_address_burst=4)
    for number in range(4):
        failing(tried, "far", f"name-{number}", 1)
        tried.began("far", "mallory", 0)
        tried.succeeded("far", "mallory")
    assert tried.wait_us("far", "name-9", 0) > 0
    assert tried.wait_us("near", "name-9", 0) == 0
