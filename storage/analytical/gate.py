"""Which statements analysts may run.

On the embedded engine there are no users and no grants, and `readonly` alone is not safe there: a
scalar `file('/etc/shadow')` is still read. So a statement passes only if

    1. it is exactly one statement, and a READ_ONLY one, for the engine's own parser;
    2. its syntax tree, as the engine prints it, is one SELECT made of known kinds of nodes;
    3. every function, table function and database in the tree is on an allow-list;

and what runs is `SELECT * FROM (statement) LIMIT n` on a client of its own with `readonly = 1` and
limits of time, memory and rows. At a server the same gate is the second fence; the first is a user
with `GRANT SELECT` on one database, a readonly profile and a quota.

The syntax tree of the wrapped statement is checked, so brackets that close the wrapper early are
seen. Texts inside of the tree cannot hide a line of it: each line is judged for itself, and a fake
line can only add something that is judged as well.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from domain.errors import InvalidInput, Unavailable
from storage.analytical.client import plain_text
from storage.analytical.functions import TABLE_FUNCTIONS, may_call

NODES: Final = frozenset(
    {
        "ArrayJoin",
        "Asterisk",
        "ColumnsExceptTransformer",
        "ColumnsListMatcher",
        "ColumnsRegexpMatcher",
        "ColumnsTransformerList",
        "ExpressionList",
        "Function",
        "Identifier",
        "InterpolateElement",
        "Literal",
        "OrderByElement",
        "QualifiedAsterisk",
        "QualifiedColumnsListMatcher",
        "QualifiedColumnsRegexpMatcher",
        "SampleRatio",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "Subquery",
        "TableExpression",
        "TableIdentifier",
        "TableJoin",
        "TablesInSelectQuery",
        "TablesInSelectQueryElement",
        "WindowDefinition",
        "WindowListElement",
        "WithElement",
    }
)
"""Kinds of nodes that a statement may have. Not here: `Set` (SETTINGS), transformers that call
functions by name (APPLY, REPLACE), query parameters, DDL."""

ONLY_SELECT: Final = "only SELECT statements may run; the view `catalog` lists tables and columns"

_IN: Final = frozenset({"in", "notin", "globalin", "globalnotin", "nullin", "notnullin"})
"""After these an Identifier is a table: `x IN system.users`."""

_OPENING: Final = re.compile(r"(?:\s|/\*.*?\*/|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$))*", re.DOTALL)
_CHOICES_MAX: Final = 8
"""A longer list of what else could have stood there helps nobody."""
_PREFIX: Final = "EXPLAIN AST "


class Refused(InvalidInput):
    """The statement may not run, or the engine does not understand it; `rule` says why."""

    def __init__(self, rule: str) -> None:
        super().__init__("query", rule)

    def __str__(self) -> str:
        return self.rule


class Gate:
    """Checks statements with the engine's own parser. For the client's thread.

    Args:
        client: a readonly client; it parses and runs nothing.
        database: the only database that may be named.
    """

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database

    def wrap(self, query: str, rows_max: int) -> str:
        """Return the statement that may run instead of `query`.

        Raises:
            Refused: the statement may not run, or is not understood.
            Unavailable: the engine is away.
        """
        query = query.strip().removesuffix(";").strip()
        if not query:
            raise Refused("the statement is empty")
        if "\x00" in query:
            raise Refused("the statement has a NUL character")
        self._classify(query)
        opening = _OPENING.match(query)
        rest = query[opening.end() if opening else 0 :].lower()
        if not rest.startswith(("select", "with", "from", "(")):
            raise Refused(ONLY_SELECT)
        tree = self._tree(query, query)
        self._judge_root(tree)
        wrapped = f"SELECT * FROM (\n{query}\n) LIMIT {rows_max:d}"  # noqa: S608 what the gate is for
        self._judge(self._tree(wrapped, query))
        return wrapped

    def _classify(self, query: str) -> None:
        classify = _classifier(self._client)
        if classify is None:
            return  # a server takes one statement a request by itself
        try:
            report = classify(query, self._database)
        except Exception as error:  # the engine's binding raises RuntimeError and its own kinds
            raise Refused(engine_text(str(error))) from error
        if not report["statement_count"]:
            self._tree(query, query)  # says where the syntax error is
            raise Refused("the statement is not understood")
        if report["statement_count"] != 1:
            raise Refused("only one statement at a time")
        kind = getattr(report["query_class"], "name", "UNKNOWN")
        if kind != "READ_ONLY":
            raise Refused(f"{ONLY_SELECT} (this one is {kind})")

    def _tree(self, statement: str, query: str) -> list[str]:
        try:
            # Not query(): it would append a FORMAT, which becomes part of the tree.
            tree = self._client.command(_PREFIX + statement)
        except DatabaseError as error:
            shift = len(_PREFIX) + (statement.find(query) if statement != query else 0)
            raise Refused(engine_text(str(error), shift)) from error
        except (ClickHouseError, OSError) as error:
            raise Unavailable(f"the analytical store is away: {plain_text(error)}") from error
        if not isinstance(tree, str):
            raise Refused("the statement is not understood")
        return [line for line in tree.split("\n") if line.strip()]

    def _judge_root(self, tree: list[str]) -> None:
        """The root is a SELECT without FORMAT, INTO OUTFILE or SETTINGS of its own."""
        if not tree or not tree[0].startswith("SelectWithUnionQuery (children"):
            raise Refused(ONLY_SELECT)
        extra = [line for line in tree[1:] if line.startswith(" ") and not line.startswith("  ")]
        if any(not line.startswith(" ExpressionList") for line in extra) or len(extra) > 1:
            raise Refused(
                "FORMAT, INTO OUTFILE and SETTINGS are not allowed; choose the format "
                "outside of the statement"
            )

    def _judge(self, tree: list[str]) -> None:
        ancestors: list[_Node] = []
        for line in tree:
            text = line.lstrip(" ")
            kind, _, rest = text.partition(" ")
            if kind not in NODES:
                raise Refused(f"not allowed here: {_REASONS.get(kind, kind)}")
            del ancestors[len(line) - len(text) :]
            node = _Node(kind, rest.partition(" (")[0])
            if kind == "Function":
                self._judge_function(node.name, ancestors)
            elif kind == "TableIdentifier" or _is_table_after_in(node, ancestors):
                self._judge_table(node.name)
            elif kind == "Identifier" and node.name.partition(".")[0].lower() in _FOREIGN:
                raise Refused(f"the database {node.name.partition('.')[0]} is not allowed")
            if ancestors:
                ancestors[-1].children += 1
            ancestors.append(node)

    def _judge_function(self, name: str, ancestors: list["_Node"]) -> None:
        if ancestors and ancestors[-1].kind == "TableExpression":
            if name.lower() not in TABLE_FUNCTIONS:
                raise Refused(f"the table function {name} is not allowed")
        elif not may_call(name):
            raise Refused(f"the function {name} is not allowed")

    def _judge_table(self, name: str) -> None:
        database, dot, _ = name.rpartition(".")
        if dot and database != self._database:
            raise Refused(f"the database {database} is not allowed")


@dataclass
class _Node:
    """One line of the tree; `children` counts those that were seen so far."""

    kind: str
    name: str
    children: int = 0


def _is_table_after_in(node: _Node, ancestors: list[_Node]) -> bool:
    """`x IN a.b` reads the table a.b, and its Identifier looks like the one of a column."""
    return (
        node.kind == "Identifier"
        and len(ancestors) > 1
        and ancestors[-1].kind == "ExpressionList"
        and ancestors[-1].children > 0
        and ancestors[-2].kind == "Function"
        and ancestors[-2].name.lower() in _IN
    )


_FOREIGN: Final = frozenset({"system", "information_schema"})
"""A second look: no column reference starts with these."""

_REASONS: Final = {
    "Set": "SETTINGS",
    "ColumnsApplyTransformer": "APPLY",
    "ColumnsReplaceTransformer": "REPLACE",
    "QueryParameter": "query parameters",
}


def _classifier(client: Client) -> Callable[[str, str], dict[str, object]] | None:
    """Return the embedded engine's `classify_query`; None at a server."""
    handle = getattr(getattr(client, "_backend", None), "_handle", None)
    raw = getattr(getattr(handle, "conn", None), "_conn", None)
    found: Callable[[str, str], dict[str, object]] | None = getattr(raw, "classify_query", None)
    if handle is not None and found is None:
        raise Unavailable("this version of the embedded engine cannot classify statements")
    return found


def engine_text(message: str, shift: int = 0) -> str:
    """Return an engine's error without the noise around it.

    `shift` is how many characters stand before the analyst's statement in what was parsed; the
    positions in the message are moved back.
    """
    text = message.strip()
    starts = list(re.finditer(r"DB::Exception: ", text))
    if starts:
        text = text[starts[-1].end() :]
    text = re.sub(r"\s*\([A-Z][A-Z0-9_]+\)(?:\s*\(.*)?\s*$", "", text, flags=re.DOTALL)
    text = re.split(r"\.?,? [Ii]n scope ", text, maxsplit=1)[0]
    text = re.sub(
        r"at position (\d+)", lambda m: f"at position {max(1, int(m[1]) - shift)}", text, count=1
    )
    text, expected, choices = text.partition(" Expected one of: ")
    if expected and choices.count(",") < _CHOICES_MAX:
        text += expected + choices
    return text.strip()[:2_000]
