"""ClickHouse: what is kept for analysis, how it gets there, and SQL for analysts.

Contents:
    settings    WarehouseSettings: every limit
    client      DSN -> client of the embedded engine or of a server
    migrate     numbered SQL files, applied once
    tables      the tables and their columns, as rows of a description
    rows        entries -> blocks of rows, pure
    samples     the rows of meter values, as columns
    planner     which rows form a block, written down before its insert
    sink        blocks -> engine, exactly once by tokens
    functions   what analysts may call
    gate        which statements analysts may run
    console     runs analysts' statements
    examples    statements to begin with
    docs        makes docs/sql.md

Only the process that owns the embedded engine's folder may open a client on it, and a process that
has opened one must never fork: `chdb` is imported inside `client.open_client` and nowhere else.
"""
