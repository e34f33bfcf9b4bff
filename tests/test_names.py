"""The top-level names are common words: nothing else may ship them, nothing may hide them."""

import importlib.util
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "protocol", "supervisor", "storage", "actors", "csms")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_the_one_of_this_checkout(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin == str(ROOT / name / "__init__.py")


def test_no_other_distribution_ships_our_names() -> None:
    shipped = packages_distributions()
    for name in PACKAGES:
        assert set(shipped.get(name, [])) <= {"csms"}, name


def test_no_folder_of_tests_is_a_package() -> None:
    # One tests/actors/__init__.py would hide the real package `actors`.
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_charger_is_the_only_word_outside_of_the_protocol() -> None:
    words = ("charge point", "chargepoint", "charge_point", "charging station", "charging_station")
    exempt = {"charging station management system"}
    found = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.relative_to(ROOT).parts[:1] == ("protocol",):
                continue
            text = path.read_text(encoding="utf-8").lower()
            for allowed in exempt:
                text = text.replace(allowed, "")
            # Wire names of 1.6 stay wire names.
            text = text.replace("chargepointvendor", "").replace("chargepointmodel", "")
            text = text.replace("chargepointserialnumber", "").replace(
                "signchargepointcertificate", ""
            )
            text = text.replace("chargepointmaxprofile", "")
            found += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert not found
