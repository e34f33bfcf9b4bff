"""Print the rows of a statement as MessagePack: `python -m tests.chaos.warehouse_dump DATA SQL`.

In a process of its own: whoever has loaded the embedded engine must not fork afterwards.
"""

import sys
from pathlib import Path

import msgspec

from csms.config import load_config
from storage.analytical.client import dsn_of, open_client


def main(data: Path, *statements: str) -> None:
    config = load_config(data=data)
    client = open_client(dsn_of(config.warehouse, config.paths.chdb), config.warehouse)
    tables = [client.query(statement).result_rows for statement in statements]
    sys.stdout.buffer.write(msgspec.msgpack.encode(tables))
    sys.stdout.buffer.flush()
    client.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
