"""What chargers, the metering pipeline and the ledger do.

Each actor is a folder: a pure machine that returns effects, and a shell that runs them.

    charger/     one connection of a charger: boot, status, transactions, commands
    ledger/      follows the journals into the relational store
    warehouse/   follows the journals into ClickHouse
"""
