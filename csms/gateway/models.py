"""Which model a charger is, and so how it is treated: from its record, its boot, or what is known.

A charger that comes back need not boot again (1.6 section 4.2), so what it said is remembered here
for a while; the ledger tells what it said to another gateway or before a restart.
"""

from collections import OrderedDict

from csms.quirks.catalogue import Catalogue, Model
from domain.records import ChargerRecord


class Models:
    """The models of the chargers of one gateway.

    Args:
        catalogue: all models.
        kept_max: chargers whose model is remembered; the oldest is forgotten.
    """

    def __init__(self, catalogue: Catalogue, kept_max: int) -> None:
        self.catalogue = catalogue
        self._kept_max = kept_max
        self._kept: OrderedDict[str, Model] = OrderedDict()

    def of_record(self, record: ChargerRecord) -> Model | None:
        """Return how a charger that has said nothing yet is treated."""
        if record.treat_as:
            return self.catalogue.named(record.treat_as)
        return self._kept.get(record.id.casefold())

    def learn(self, record: ChargerRecord, vendor: str, model: str) -> Model | None:
        """Return how a charger that has said what it is is treated, and remember it."""
        found = self.catalogue.find(vendor, model)
        key = record.id.casefold()
        self._kept.pop(key, None)
        if found is not None:
            self._kept[key] = found
            if len(self._kept) > self._kept_max:
                self._kept.popitem(last=False)
        return self.of_record(record)
