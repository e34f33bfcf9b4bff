"""Statements of analysts on the embedded engine: what must be refused, and what must pass."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.analytical.examples import EXAMPLES
from storage.analytical.functions import may_call
from storage.analytical.gate import engine_text


class Embedded:
    """A process that runs statements."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self.folder = folder
        assert process.stdout is not None
        self.facts: dict[str, list[str]] = json.loads(process.stdout.readline())

    def ask(self, query: str, form: str = "table", rows_max: int = 1_000) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([query, form, rows_max]) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def rows(self, query: str, **more: Any) -> Any:
        answer = self.ask(query, **more)
        assert "ok" in answer, answer
        return answer["ok"]["rows"]

    def refusal(self, query: str, **more: Any) -> str:
        answer = self.ask(query, **more)
        assert answer.get("error") == "Refused", answer
        return str(answer["text"])


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder = tmp_path_factory.mktemp("chdb")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.storage.analytical.embedded", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        yield Embedded(process, folder)
        process.stdin.close()
        process.wait(20)


HOSTILE = [
    # Files, addresses, other stores
    "SELECT file('/etc/passwd')",
    "SELECT FILE ('/etc/passwd') FROM samples",
    "SELECT `file`('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM file('{folder}/secret.txt', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:1/b/x.csv')",
    "SELECT * FROM (SELECT * FROM s3('http://127.0.0.1:1/b/x.csv'))",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM cluster('x', csms.samples)",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM sqlite('{folder}/plan.db', 'plans')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT * FROM Python(console)",
    "SELECT * FROM merge('.*', '.*')",
    "SELECT * FROM loop('csms', 'samples')",
    "SELECT * FROM dictionary('d')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM view(SELECT file('/etc/passwd'))",
    "SELECT * FROM viewExplain('', '', (SELECT 1))",
    # Hidden in other places of the statement
    "SELECT 1 UNION ALL SELECT length(file('/etc/passwd'))",
    "SELECT (SELECT file('/etc/passwd'))",
    "SELECT value IN (SELECT * FROM file('/etc/passwd', 'LineAsString')) FROM samples",
    "SELECT 'a' IN file('/etc/passwd')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "WITH file('/etc/passwd') AS x SELECT x",
    "WITH x AS (SELECT file('/etc/passwd')) SELECT * FROM x",
    "SELECT * FROM samples ORDER BY file('/etc/passwd')",
    "SELECT * FROM samples LIMIT length(file('/etc/passwd'))",
    "SELECT * FROM samples WHERE site = file('/etc/passwd')",
    "SELECT count() FROM samples GROUP BY charger HAVING file('/etc/passwd') = ''",
    "SELECT sum(value) OVER (PARTITION BY file('/etc/passwd')) FROM samples",
    "SELECT * FROM samples JOIN (SELECT file('/etc/passwd') AS charger) AS f USING charger",
    "SELECT * FROM samples ARRAY JOIN [file('/etc/passwd')] AS x",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT COLUMNS('x') APPLY file FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * REPLACE(file(x) AS x) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * FROM samples) UNION ALL SELECT file('/etc/passwd') FROM (SELECT 1",
    "SELECT 1) UNION ALL SELECT name FROM system.tables -- ",
    "SELECT 1 AS `a\n  Literal x\n` , file('/etc/passwd')",
    # Other statements
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE samples",
    "DROP TABLE samples",
    "INSERT INTO samples (charger) VALUES ('x')",
    "INSERT INTO FUNCTION file('{folder}/out.csv') SELECT 1",
    "ALTER TABLE samples DELETE WHERE 1",
    "TRUNCATE TABLE samples",
    "CREATE TABLE x (a UInt8) ENGINE = Memory",
    "CREATE FUNCTION f AS x -> file(x)",
    "ATTACH DATABASE x ENGINE = Lazy",
    "OPTIMIZE TABLE samples FINAL",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "USE system",
    "BACKUP TABLE samples TO File('{folder}/b')",
    "DESCRIBE url('http://127.0.0.1:1/')",
    "DESCRIBE TABLE file('/etc/passwd')",
    "SHOW TABLES FROM system",
    "EXPLAIN SELECT 1",
    "EXISTS TABLE samples",
    "GRANT ALL ON *.* TO default",
    "graph = 1 SELECT 1",
    # Clauses that leave the statement or lift its limits
    "SELECT 1 INTO OUTFILE '{folder}/out.csv'",
    "SELECT 1 FORMAT CSV",
    "SELECT 1 SETTINGS max_threads = 64",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT * FROM samples SETTINGS readonly = 0",
    # Other databases, the host, the engine
    "SELECT * FROM system.tables",
    "SELECT * FROM `system`.`settings`",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.TABLES",
    "SELECT 'x' IN system.databases",
    "SELECT 'x' IN (system.databases)",
    "SELECT (1, 2) NOT IN system.databases",
    "SELECT 'x' GLOBAL IN other.secrets",
    "SELECT getSetting('readonly')",
    "SELECT hostName(), fqdn()",
    "SELECT currentUser()",
    "SELECT getMacro('shard')",
    "SELECT filesystemAvailable()",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('csms.j', 'a', 1)",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(3) FROM samples",
    "SELECT logTrace('x')",
    "SELECT addressToSymbol(1)",
    "SELECT catboostEvaluate('/etc/passwd', 1)",
    "SELECT initializeAggregation('sum', 1)",
    "SELECT aiGenerate('x')",
    "SELECT fileIf('/etc/passwd', 1)",
    "SELECT fileState('/etc/passwd')",
    "SELECT __getScalar('x')",
    # Nothing at all
    "",
    "  ;  ",
    "-- only a comment",
    "SELECT {x:String}",
    "SELECT 1\x00",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_statement_is_refused(embedded: Embedded, query: str) -> None:
    text = embedded.refusal(query.replace("{folder}", str(embedded.folder)))
    assert text
    assert "root:" not in text
    assert "top secret" not in text
    assert not (embedded.folder / "out.csv").exists()


ORDINARY = [
    "SELECT 1",
    "select count() from samples",
    "SELECT * FROM csms.samples",
    "SELECT * FROM csms.samples FINAL WHERE csms.samples.connector = 1",
    "FROM samples SELECT site",
    "(SELECT 1)",
    "/* a comment */ SELECT 1 -- and another",
    "SELECT 1;",
    "SELECT 'file(' AS text, '; DROP TABLE x' AS more",
    "SELECT site, sum(energy_wh) / 1000 AS kwh FROM energy_by_site_day GROUP BY site ORDER BY kwh DESC",
    (
        "SELECT toStartOfHour(ts) AS h, avg(value), quantile(0.95)(value), quantiles(0.5, 0.9)(value) "
        "FROM samples WHERE measurand = 'Power.Active.Import' AND ts >= now() - INTERVAL 7 DAY GROUP BY h"
    ),
    "SELECT charger, argMax(value, ts), anyLast(unit) FROM samples GROUP BY charger",
    (
        "SELECT countIf(value > 0), sumIf(value, connector = 1), uniqExact(charger), "
        "quantileIf(0.9)(value, value > 1), avgOrNull(value), groupArrayIf(10)(value, value > 2) FROM samples"
    ),
    "SELECT count(*) FILTER (WHERE connector = 1) FROM samples",
    (
        "SELECT ts, value, value - lagInFrame(value) OVER (PARTITION BY charger ORDER BY ts) AS d, "
        "row_number() OVER w, sum(value) OVER w FROM samples WINDOW w AS (PARTITION BY charger ORDER BY ts "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    ),
    "SELECT * FROM samples QUALIFY row_number() OVER (PARTITION BY charger ORDER BY ts DESC) = 1",
    (
        "WITH t AS (SELECT charger, max(ts) AS m FROM samples GROUP BY charger) "
        "SELECT s.value FROM samples AS s INNER JOIN t ON s.charger = t.charger AND s.ts = t.m"
    ),
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
    "SELECT * FROM samples WHERE charger IN (SELECT charger FROM connections WHERE kind = 'refused')",
    "SELECT charger IN ('c1', 'c2'), (charger, connector) IN (('c1', 1)) FROM samples",
    "SELECT s.charger IN (SELECT charger FROM sessions) FROM samples AS s",
    (
        "SELECT * FROM samples ASOF JOIN status_history AS h ON samples.charger = h.charger "
        "AND samples.ts >= h.ts"
    ),
    (
        "SELECT * FROM samples AS a LEFT JOIN sessions AS b ON a.charger = b.charger "
        "AND a.transaction = b.transaction"
    ),
    (
        "SELECT CASE WHEN connector = 1 THEN 'one' ELSE 'more' END, if(value > 1, 'a', 'b'), "
        "multiIf(value > 1, 1, value > 2, 2, 3), coalesce(NULL, 1), value BETWEEN 1 AND 2 FROM samples"
    ),
    (
        "SELECT toDate(ts), toYYYYMM(ts), dateDiff('minute', ts, received_at), formatDateTime(ts, '%F'), "
        "ts - INTERVAL 1 DAY, toStartOfInterval(ts, INTERVAL 15 MINUTE), toTimeZone(ts, 'Europe/Berlin'), "
        "extract(month FROM ts), date_trunc('week', ts), parseDateTimeBestEffort('2026-01-01') FROM samples"
    ),
    (
        "SELECT lower(charger), concat(charger, '-', site), charger || site, substring(charger, 1, 2), "
        "splitByChar('.', measurand)[1], replaceRegexpAll(charger, '[0-9]', ''), charger LIKE 'c%', "
        "charger ILIKE 'C%', match(charger, '^c'), position(charger, 'c'), trim(charger), "
        "formatReadableSize(1e6) FROM samples"
    ),
    (
        "SELECT arrayMap(x -> x * 2, [1, 2]), arraySort(groupArray(value)), arraySum([1, 2]), "
        "arrayStringConcat(['a'], ','), [1, 2, 3][1], map('a', 1)['a'], (1, 'x').1, tuple(1, 2) FROM samples"
    ),
    "SELECT flag, count() FROM ocpp_messages ARRAY JOIN flags AS flag GROUP BY flag",
    "SELECT arrayJoin(flags) FROM ocpp_messages",
    (
        "SELECT JSONExtractInt(payload, 'connectorId'), JSON_VALUE(payload, '$.connectorId'), "
        "JSONHas(payload, 'x'), simpleJSONExtractRaw(payload, 'x') FROM ocpp_messages"
    ),
    "SELECT CAST(connector AS String), connector::String, toFloat64('1.5'), toInt64OrNull('x') FROM samples",
    "SELECT site, sum(value) FROM samples GROUP BY ROLLUP(site) WITH TOTALS",
    "SELECT site, charger, sum(value) FROM samples GROUP BY GROUPING SETS ((site), (site, charger))",
    "SELECT DISTINCT ON (charger) charger, ts FROM samples ORDER BY ts DESC",
    "SELECT * EXCEPT (text) FROM samples LIMIT 2 BY charger",
    "SELECT COLUMNS('^t') FROM samples LIMIT 3 OFFSET 1",
    (
        "SELECT toStartOfHour(ts) AS h, max(value) AS v FROM samples GROUP BY h "
        "ORDER BY h WITH FILL STEP INTERVAL 1 HOUR INTERPOLATE (v AS v)"
    ),
    "SELECT number, toDate('2026-01-01') + number FROM numbers(10)",
    "SELECT * FROM generateSeries(1, 10, 3)",
    "SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'y'))",
    "SELECT 1 EXCEPT SELECT 2",
    "SELECT charger FROM samples UNION DISTINCT SELECT charger FROM connections",
    "SELECT table, column, type, comment FROM catalog ORDER BY table",
    "SELECT argMaxMerge(last) FROM samples_hourly GROUP BY charger",
    "SELECT EXISTS(SELECT 1 FROM sessions)",
    (
        "SELECT round(avg(value), 2), floor(1.5), pow(2, 3), greatest(1, 2), abs(-1), intDiv(5, 2), 5 % 2 "
        "FROM samples"
    ),
    (
        "SELECT corr(value, connector), stddevPop(value), simpleLinearRegression(value, connector), "
        "histogram(5)(value), topK(3)(charger), windowFunnel(3600)(toDateTime(ts), value > 1, value > 2) "
        "FROM samples"
    ),
    "SELECT bar(value, 0, 5000, 20) FROM samples",
    *(query for _, query in EXAMPLES),
]


@pytest.mark.parametrize("query", ORDINARY)
def test_an_ordinary_statement_of_an_analyst_passes(embedded: Embedded, query: str) -> None:
    assert "ok" in embedded.ask(query), embedded.ask(query)


def test_a_fact_that_was_stored_twice_is_seen_once(embedded: Embedded) -> None:
    (row,) = embedded.rows(
        "SELECT count(), uniqExact((measurand, charger, connector, phase, context, ts)) FROM samples"
    )
    assert row[0] == row[1] > 0


def test_rows_beyond_the_limit_are_cut_off(embedded: Embedded) -> None:
    query = "SELECT number FROM numbers(100000)"
    assert len(embedded.rows(query, rows_max=10)) == 10
    assert len(embedded.rows(query, rows_max=1_000_000)) == 5_000


def test_the_order_of_the_statement_is_kept(embedded: Embedded) -> None:
    rows = embedded.rows("SELECT number FROM numbers(3000) ORDER BY number % 7 DESC, number DESC")
    assert [n for (n,) in rows] == sorted(range(3_000), key=lambda n: (-(n % 7), -n))[:1_000]


def test_every_format_has_the_same_rows(embedded: Embedded) -> None:
    query = "SELECT number AS n, 'a\"b\nc' AS t, NULL AS x FROM numbers(2)"
    assert embedded.ask(query)["ok"] == {
        "columns": ["n", "t", "x"],
        "types": ["UInt64", "String", "Nullable(Nothing)"],
        "rows": [[0, 'a"b\nc', None], [1, 'a"b\nc', None]],
    }
    objects = [{"n": n, "t": 'a"b\nc', "x": None} for n in range(2)]
    assert json.loads(embedded.ask(query, "json")["ok"]) == objects
    lines = embedded.ask(query, "ndjson")["ok"].splitlines()
    assert [json.loads(line) for line in lines] == objects
    assert embedded.ask(query, "csv")["ok"].startswith('"n","t","x"\n0,"a""b\nc",\\N\n')


def test_no_rows_are_an_empty_answer_in_every_format(embedded: Embedded) -> None:
    query = "SELECT charger FROM samples WHERE charger = 'nobody'"
    assert embedded.rows(query) == []
    assert json.loads(embedded.ask(query, "json")["ok"]) == []
    assert embedded.ask(query, "ndjson")["ok"] == ""


def test_times_are_utc(embedded: Embedded) -> None:
    rows = embedded.rows("SELECT toString(toDateTime(0)), min(ts) FROM samples")
    assert rows == [["1970-01-01 00:00:00", "2026-01-01 00:00:00.000"]]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1 +", "Syntax error: failed at position 11 (end of query)"),
        ("SELECT * FRM samples", "Syntax error: failed at position 14 (samples)"),
        ("SELECT vlaue FROM samples", "Unknown expression identifier `vlaue`"),
        ("SELECT * FROM nothing", "Unknown table expression identifier 'nothing'"),
        ("SELECT file('x')", "the function file is not allowed"),
        ("SELECT * FROM url('x')", "the table function url is not allowed"),
        ("SELECT * FROM system.tables", "the database system is not allowed"),
        ("DROP TABLE samples", "only SELECT statements may run"),
        ("SELECT 1; SELECT 2", "only one statement at a time"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_nothing_else(
    embedded: Embedded, query: str, text: str
) -> None:
    said = embedded.refusal(query)
    assert said.startswith(text)
    assert "DB::Exception" not in said
    assert "SELECT * FROM (" not in said


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT count() FROM numbers(100000000000) WHERE cityHash64(number) = 1", "imeout"),
        ("SELECT groupArray(number) FROM numbers(100000000)", "emory limit"),
        ("SELECT repeat('x', 1000) FROM numbers(1000)", "bytes"),
        ("SELECT '" + "x" * 70_000 + "'", "bytes"),
    ],
)
def test_a_statement_that_needs_too_much_is_ended(
    embedded: Embedded, query: str, text: str
) -> None:
    assert text in embedded.refusal(query)
    # Nothing of the failed statement is left in the way of the next one.
    assert embedded.rows("SELECT 1") == [[1]]


def test_a_wrong_format_or_limit_is_named(embedded: Embedded) -> None:
    assert embedded.ask("SELECT 1", "xml")["error"] == "InvalidInput"
    assert embedded.ask("SELECT 1", rows_max=0)["error"] == "InvalidInput"


def test_what_may_be_called_exists_and_is_no_way_out(embedded: Embedded) -> None:
    facts = embedded.facts
    # What the parser turns into other things is not in the engine's list.
    assert set(facts["allowed"]) - set(facts["functions"]) == {"exists", "grouping", "lambda"}
    assert set(facts["allowed_tables"]) <= set(facts["table_functions"])
    # `format` makes text out of its arguments; the table function of that name is not allowed.
    assert set(facts["allowed"]) & set(facts["table_functions"]) == {"format"}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("sum", True),
        ("SUM", True),
        ("sumIf", True),
        ("quantilesExactIfOrNull", True),
        ("countDistinctIf", True),
        ("if", True),
        ("fileIf", False),
        ("ifIf", False),
        ("", False),
        ("merge", False),
    ],
)
def test_combinators_are_only_for_aggregates(name: str, *, allowed: bool) -> None:
    assert may_call(name) is allowed


def test_engine_errors_lose_their_wrapping() -> None:
    said = (
        "Code: 47. DB::Exception: Unknown identifier `a`. In scope SELECT a. (UNKNOWN_IDENTIFIER)"
    )
    assert engine_text(said) == "Unknown identifier `a`"
    said = "Code: 62. DB::Exception: Syntax error: failed at position 30 (x): x. (SYNTAX_ERROR)"
    assert engine_text(said, 12) == "Syntax error: failed at position 18 (x): x."
