import copy
import pickle
from typing import Any

import pytest
from thespian.actors import ActorAddress

from supervisor.address import ForeignAddress, LocalAddress
from tests.supervisor.actor_kit import Doer, Kit


class OtherAddress(ForeignAddress):
    pass


async def test_addresses_are_keys_and_equal_only_to_themselves(kit: Kit) -> None:
    base = kit.start()
    first, second = base.create(Doer), base.create(Doer)
    found = {first: 1, second: 2, base.outside: 3}

    assert [found[first], found[second], found[base.outside]] == [1, 2, 3]
    assert first == first.instance.myAddress
    assert first != second
    assert not first == second  # noqa: SIM201  # both operators are defined
    assert first != ActorAddress(first.label)
    assert ActorAddress(first.label) != first
    assert first != "Doer-1"


async def test_an_address_of_this_process_refuses_to_be_pickled(kit: Kit) -> None:
    base = kit.start()
    for address in (base.create(Doer, name="CP-1"), base.outside):
        with pytest.raises(TypeError, match=f"{address} means nothing outside its process"):
            pickle.dumps(address)
        with pytest.raises(TypeError, match="send a name"):
            pickle.dumps({"reply to": address}, protocol=2)


async def test_a_copy_of_an_address_is_the_address(kit: Kit) -> None:
    address = kit.start().create(Doer)

    assert copy.copy(address) is address
    assert copy.deepcopy([address])[0] is address


async def test_an_address_shows_its_name_or_class_and_number(kit: Kit) -> None:
    base = kit.start()
    named, unnamed = base.create(Doer, name="CP-1"), base.create(Doer)

    assert (str(named), named.addressDetails) == ("ActorAddr-CP-1", "CP-1")
    assert (str(unnamed), unnamed.actorAddressString) == ("ActorAddr-Doer-2", "Doer-2")
    assert str(base.outside) == "ActorAddr-outside"
    assert (named.alive, named.globalName, unnamed.globalName) == (True, "CP-1", "")


def test_a_local_address_must_have_a_label() -> None:
    with pytest.raises(NotImplementedError):
        _ = LocalAddress.__new__(LocalAddress).label


def test_foreign_addresses_are_equal_by_class_and_details_and_may_be_pickled() -> None:
    here = ForeignAddress(("gateway-1", "CP-1"))
    same: Any = pickle.loads(pickle.dumps(here))

    assert here == same
    assert hash(here) == hash(same)
    assert here != ForeignAddress(("gateway-1", "CP-2"))
    assert here != OtherAddress(("gateway-1", "CP-1"))
    assert here != ActorAddress(("gateway-1", "CP-1"))
