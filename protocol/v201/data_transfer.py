"""Functional block P: messages of vendors."""

from domain.commands import Priority
from protocol.common import read_data_transfer, write_data_transfer
from protocol.version import Inbound, Outbound

INBOUND = (
    Inbound("DataTransfer", read_data_transfer, write_data_transfer, "P02", secret_request=True),
)

OUTBOUND = (
    Outbound(
        "DataTransfer",
        idempotent=False,
        priority=Priority.OPERATOR,
        section="P01",
        secret_request=True,
        secret_response=True,
    ),
)
