"""Many chargers as one CSV file: what a file says, which records it leads to, and back. Pure.

The first line has the names of COLUMNS, in any order; `id` must be there. A charger that exists
keeps what the file has no column for. Comma, semicolon and tabulator separate cells.
"""

import csv
import difflib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import msgspec

from csms.dashboard.cells import FORMULA, safe_cell
from domain import security_upgrade
from domain.errors import InvalidInput
from domain.records import ChargerRecord
from storage.relational.credentials import PASSWORD_BYTES_MAX
from storage.relational.record_rules import check_charger

DELIMITERS: Final = ",;\t"
TRUE: Final = frozenset({"true", "yes", "1", "x"})
FALSE: Final = frozenset({"false", "no", "0", ""})


def _text(cell: str) -> str:
    return cell


def _number(cell: str) -> int:
    if not cell:
        return 0
    if not (cell.isascii() and cell.isdigit()) or len(cell) > len(str(1 << 63)):
        raise ValueError("must be a whole number")
    return int(cell)


def _profile(cell: str) -> int:
    return _number(cell) if cell else 1


def _flag(cell: str) -> bool:
    if cell.casefold() in TRUE:
        return True
    if cell.casefold() in FALSE:
        return False
    raise ValueError("must be true or false")


def _networks(cell: str) -> tuple[str, ...]:
    return tuple(cell.replace(",", " ").replace(";", " ").split())


def _registration(cell: str) -> str:
    return cell or "Accepted"


COLUMNS: Final[Mapping[str, Callable[[str], Any]]] = {
    "id": _text,
    "site": _text,
    "security_profile": _profile,
    "networks": _networks,
    "registration": _registration,
    "heartbeat_s": _number,
    "subprotocol": _text,
    "time_zone": _text,
    "strict": _flag,
    "reply_delay_ms": _number,
    "serial_number": _text,
}
"""Name -> how a cell is read."""
PASSWORD: Final = "password"  # noqa: S105 - the name of a column
URL: Final = "url"
"""Written, and left alone when read."""


class Wrong(NamedTuple):
    """What is wrong with a file; `line` begins at 1."""

    line: int
    field: str
    rule: str


class Row(NamedTuple):
    """One charger of a file."""

    line: int
    cells: Mapping[str, str]


class Planned(NamedTuple):
    """What a row leads to. `password` is empty when the file says none."""

    line: int
    record: ChargerRecord
    password: str
    is_new: bool


class Plan(NamedTuple):
    """What a file leads to; nothing is to be written when something is wrong."""

    changes: Sequence[Planned]
    """New chargers and those that become different."""
    unchanged: int
    wrong: Sequence[Wrong]

    @property
    def added(self) -> int:
        """How many chargers are new."""
        return sum(one.is_new for one in self.changes)


def read(text: str, rows_max: int) -> tuple[list[Row], list[Wrong]]:
    """Return the rows of a file, and what is wrong with its form.

    Args:
        text: the file; a byte order mark is left out.
        rows_max: more rows are an error.
    """
    lines = io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline="")
    head = lines.readline()
    lines.seek(0)
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[Row] = []
    names: list[str] = []
    wrong: list[Wrong] = []
    line = 1
    try:
        for cells in reader:
            begin, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [cell.strip().casefold() for cell in cells]
                wrong += _wrong_names(begin, names)
                if wrong:
                    return [], wrong
            elif len(cells) != len(names):
                rule = f"has {len(cells)} cells, the first line has {len(names)}"
                wrong.append(Wrong(begin, "", rule))
            elif len(rows) >= rows_max:
                wrong.append(Wrong(begin, "", f"a file has {rows_max} chargers at most"))
                break
            else:
                rows.append(Row(begin, dict(zip(names, map(_plain, cells), strict=True))))
    except csv.Error as error:
        wrong.append(Wrong(max(reader.line_num, 1), "", f"is no CSV: {error}"))
    if not names and not wrong:
        wrong.append(Wrong(1, "id", "the first line must name the columns, id among them"))
    return rows, wrong


def _plain(cell: str) -> str:
    """Return a cell as it was before `safe_cell` made it harmless."""
    is_marked = cell[:1] == "'" and cell[1:2] in FORMULA
    return (cell[1:] if is_marked else cell).strip()


def _wrong_names(line: int, names: Sequence[str]) -> Iterable[Wrong]:
    known = (*COLUMNS, PASSWORD, URL)
    for name in dict.fromkeys(names):
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else f": there are {', '.join(known)}"
            yield Wrong(line, name[:100], f"is no column{hint}")
        elif names.count(name) > 1:
            yield Wrong(line, name, "is there twice")
    if "id" not in names:
        yield Wrong(line, "id", "the first line must name the columns, id among them")


def plan(
    rows: Iterable[Row],
    known: Mapping[str, ChargerRecord],
    sites: AbstractSet[str],
    tenant: str,
) -> Plan:
    """Return what rows lead to.

    Args:
        rows: of `read`.
        known: chargers that exist, by casefolded identity.
        sites: ids of the sites that there are.
        tenant: whose new chargers are; those of another tenant cannot be changed.
    """
    changes: list[Planned] = []
    wrong: list[Wrong] = []
    lines: dict[str, int] = {}
    unchanged = 0
    for row in rows:
        name = row.cells["id"]
        before = known.get(name.casefold())
        first = lines.setdefault(name.casefold(), row.line)
        if first != row.line:
            wrong.append(Wrong(row.line, "id", f"is in line {first} already"))
            continue
        if before is not None and (before.id != name or before.tenant != tenant):
            rule = f"differs by case only from {before.id}, which exists"
            wrong.append(Wrong(row.line, "id", rule if before.tenant == tenant else "is taken"))
            continue
        record, faults = _record(row, before or ChargerRecord(name, tenant=tenant))
        if record.site and record.site not in sites and record.site != (before and before.site):
            faults.append(Wrong(row.line, "site", f"there is no site {record.site}"))
        wrong += faults
        password = row.cells.get(PASSWORD, "")
        if before is None or record != before or password:
            changes.append(Planned(row.line, record, password, before is None))
        else:
            unchanged += 1
    return Plan(changes, unchanged, sorted(wrong))


def _record(row: Row, before: ChargerRecord) -> tuple[ChargerRecord, list[Wrong]]:
    values: dict[str, Any] = {}
    wrong: list[Wrong] = []
    for name, read_cell in COLUMNS.items():
        if name in row.cells:
            try:
                values[name] = read_cell(row.cells[name])
            except ValueError as error:
                wrong.append(Wrong(row.line, name, str(error)))
    record = security_upgrade.settled(msgspec.structs.replace(before, **values))
    if not wrong:
        try:
            check_charger(record)
        except InvalidInput as error:
            wrong.append(Wrong(row.line, error.field, error.rule))
    if len(row.cells.get(PASSWORD, "").encode()) > PASSWORD_BYTES_MAX:
        wrong.append(Wrong(row.line, PASSWORD, f"has {PASSWORD_BYTES_MAX} bytes at most"))
    return record, wrong


def write(records: Iterable[tuple[ChargerRecord, str]]) -> str:
    """Return chargers and their URLs as a file that `read` takes; passwords are in no file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, URL])
    for record, url in records:
        cells = msgspec.structs.asdict(record) | {
            "networks": " ".join(record.networks),
            "strict": "true" if record.strict else "false",
        }
        writer.writerow([*(safe_cell(cells[name]) for name in COLUMNS), safe_cell(url)])
    return text.getvalue()
