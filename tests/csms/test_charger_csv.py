import pytest

from csms.charger_csv import Plan, Wrong, plan, read, write
from domain.records import ChargerRecord

KNOWN = {
    "old": ChargerRecord("OLD", site="depot", strict=True, time_zone="Europe/Berlin"),
    "foreign": ChargerRecord("foreign", tenant="other"),
}


def planned(text: str) -> Plan:
    rows, wrong = read(text, 100)
    assert wrong == []
    return plan(rows, KNOWN, {"depot", "berlin"}, "default")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_come_in_any_order_and_with_any_delimiter(delimiter: str):
    lines = ["Site,ID,networks,strict", "berlin,A,10.0.0.0/8 10.1.0.0/16,yes"]
    found = planned("\ufeff" + "\r\n".join(line.replace(",", delimiter) for line in lines))
    (one,) = found.changes
    networks = ("10.0.0.0/8", "10.1.0.0/16")
    assert one.record == ChargerRecord("A", site="berlin", networks=networks, strict=True)
    assert (one.line, one.is_new, found.wrong) == (2, True, [])


def test_a_charger_that_exists_keeps_what_has_no_column():
    found = planned("id,site\nOLD,berlin\n")
    (one,) = found.changes
    assert one.record == ChargerRecord("OLD", site="berlin", strict=True, time_zone="Europe/Berlin")
    assert (found.added, len(found.changes)) == (0, 1)
    assert planned("id,site\nOLD,depot\n").unchanged == 1
    assert planned("id,password\nOLD,a new password\n").changes[0].password == "a new password"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", Wrong(1, "id", "the first line must name the columns, id among them")),
        ("site\nx\n", Wrong(1, "id", "the first line must name the columns, id among them")),
        ("id,sit\nA,x\n", Wrong(1, "sit", "is no column; did you mean site?")),
        ("id,id\nA,B\n", Wrong(1, "id", "is there twice")),
        ("id,site\nA\n", Wrong(2, "", "has 1 cells, the first line has 2")),
        ("id\nA\nB\n\nC\nD\n", Wrong(6, "", "a file has 3 chargers at most")),
        ('id\n"A\n', Wrong(2, "", "is no CSV: unexpected end of data")),
    ],
)
def test_a_file_of_a_wrong_form_is_told_by_line(text: str, wrong: Wrong):
    assert read(text, 3)[1] == [wrong]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("id,security_profile\nA,4\n", (2, "security_profile", "must be 0, 1, 2 or 3")),
        ("id,security_profile\nA,one\n", (2, "security_profile", "must be a whole number")),
        ("id,security_profile\nA,0\n", (2, "networks", "profile 0 needs at least one network")),
        ("id,strict\nA,perhaps\n", (2, "strict", "must be true or false")),
        ("id,site\nA,nowhere\n", (2, "site", "there is no site nowhere")),
        ("id\nA\na\n", (3, "id", "is in line 2 already")),
        ("id\nold\n", (2, "id", "differs by case only from OLD, which exists")),
        ("id\nforeign\n", (2, "id", "is taken")),
        ("id,password\nA," + "x" * 65 + "\n", (2, "password", "has 64 bytes at most")),
        ('id,site\n"A\nB",depot\n', (2, "id", "must have no space, control character")),
    ],
)
def test_a_wrong_cell_is_told_by_line_and_field(text: str, wrong: tuple[int, str, str]):
    (found,) = planned(text).wrong
    assert (found.line, found.field) == wrong[:2]
    assert found.rule.startswith(wrong[2])


def test_the_line_of_a_row_counts_lines_within_cells():
    rows, _ = read('id,site\n"A\n\nB",x\nC,y\n', 9)
    assert [row.line for row in rows] == [2, 5]


def test_what_is_written_is_read_again_and_changes_nothing():
    records = [
        *(one for one in KNOWN.values() if one.tenant == "default"),
        ChargerRecord("=1+1", networks=("10.0.0.0/8",), security_profile=0, serial_number="-5"),
        ChargerRecord("'quoted", heartbeat_s=60, reply_delay_ms=5, subprotocol="ocpp1.6"),
    ]
    text = write((record, f"ws://host/ocpp/{record.id}") for record in records)
    assert "\r\n'=1+1," in text
    rows, wrong = read(text, 99)
    found = plan(rows, {one.id.casefold(): one for one in records}, {"depot"}, "default")
    assert (wrong, found.wrong, list(found.changes), found.unchanged) == ([], [], [], 3)
