"""ClickHouse's HTTP interface over an embedded engine, with faults: a server for wire tests.

    python clickhouse_http.py FOLDER [PORT]        prints the port on loopback, then serves until stdin ends

The unmodified clickhouse_connect client works against it: queries, inserts in any format, settings,
parameters, compressed bodies. Not there: users, sessions, external data.

Faults are queued by POST /faults with a JSON object, and each one hits the next `times` statements
whose text contains `match`:

    {"kind": "cut_before"}              the connection is cut, nothing is executed
    {"kind": "cut_after"}               executed, then cut: the client cannot know
    {"kind": "status", "status": 500}   refused with that status, nothing is executed
    {"kind": "status_after", ...}       executed, then that status
    {"kind": "slow", "seconds": 2}      waits, then executes and answers
    {"kind": "poison", "code": 27}      an exception of that code, for statements whose bytes contain
                                        `match`, however often they come, until "times" is used up

DELETE /faults forgets them; GET /faults tells how many statements each has hit.
"""

import asyncio
import gzip
import json
import re
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import LifoQueue
from typing import Any

import chdb
import lz4.frame
from aiohttp import web

NOT_SETTINGS = {
    "query",
    "database",
    "user",
    "password",
    "session_id",
    "session_timeout",
    "session_check",
    "query_id",
    "quota_key",
    "wait_end_of_query",
    "buffer_size",
    "compress",
    "decompress",
    "default_format",
    "client_protocol_version",
    "role",
    "enable_http_compression",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
}
INSERT = re.compile(
    rb"^\s*INSERT\s+INTO\s+.*?\bFORMAT\s+(\w+)[ \t]*\r?\n?", re.IGNORECASE | re.DOTALL
)
FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
STATUS = {60: 404, 81: 404, 62: 400, 47: 400, 36: 400, 27: 400, 159: 408, 164: 403}


@dataclass
class Fault:
    kind: str
    match: str = ""
    times: int = 1
    status: int = 500
    seconds: float = 0.0
    code: int = 27
    hits: int = field(default=0)


def literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def inflate(data: bytes, encoding: str) -> bytes:
    """lz4 bodies are a run of frames; the others were undone by aiohttp."""
    if encoding != "lz4":
        return data
    out = []
    while data:
        frame = lz4.frame.LZ4FrameDecompressor()
        out.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("a truncated lz4 frame")
        data = frame.unused_data
    return b"".join(out)


class Engine:
    """Statements on the embedded engine, from several threads."""

    def __init__(self, folder: str, handles: int = 4) -> None:
        self._folder = folder
        self._pool: LifoQueue[Any] = LifoQueue()
        for _ in range(handles):
            self._pool.put(chdb.connect(folder))

    def run(
        self, sql: bytes, database: str, settings: dict[str, str], params: dict[str, str]
    ) -> tuple[bytes, str, int]:
        """Return the body, its format ("" when there is no result) and the rows written."""
        if "readonly" in settings:
            # Nothing could be set back after it: a handle of its own.
            handle = chdb.connect(self._folder)
            try:
                return self._run(handle, sql, database, settings, params)
            finally:
                handle.close()
        handle = self._pool.get()
        try:
            try:
                return self._run(handle, sql, database, settings, params)
            finally:
                if settings:
                    handle.query("SET " + ", ".join(f"{key} = DEFAULT" for key in settings), "TSV")
        finally:
            self._pool.put(handle)

    @staticmethod
    def _run(
        handle: Any, sql: bytes, database: str, settings: dict[str, str], params: dict[str, str]
    ) -> tuple[bytes, str, int]:
        handle.query(f"USE `{database or 'default'}`", "TSV")
        if settings:
            pairs = ", ".join(f"{key} = {literal(value)}" for key, value in settings.items())
            handle.query(f"SET {pairs}", "TSV")
        insert = INSERT.match(sql)
        if insert and insert.group(1).upper() != b"VALUES":
            statement = re.sub(
                rb"FORMAT\s+\w+\s*$", b"", insert.group(0).strip(), flags=re.IGNORECASE
            )
            sending = handle.send_insert(statement.decode(), insert.group(1).decode())
            try:
                sending.append(bytes(memoryview(sql)[insert.end() :]))
                written = sending.finish().rows_written
            except BaseException:
                sending.cancel()
                raise
            return b"", "", int(written)
        found = FORMAT.search(sql)
        if found:
            form = found.group(1).decode()
            return handle.query(sql.decode(), form, params=params).bytes() or b"", form, 0
        # With names, an empty result set differs from none at all.
        body = handle.query(sql.decode(), "TabSeparatedWithNames", params=params).bytes() or b""
        return body[body.find(b"\n") + 1 :], "TabSeparated" if body else "", 0


class Server:
    def __init__(self, folder: str) -> None:
        self._engine = Engine(folder)
        self._threads = ThreadPoolExecutor(4)
        self._faults: list[Fault] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/faults", self.faults)
        app.router.add_route("*", "/{tail:.*}", self.handle)
        return app

    async def faults(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self._faults.append(Fault(**await request.json()))
        if request.method == "DELETE":
            self._faults.clear()
        return web.json_response([vars(fault) for fault in self._faults])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/ping" or (request.method == "GET" and not request.query):
            return web.Response(text="Ok.\n")
        query = request.query
        sql = query.get("query", "").encode()
        body = inflate(await request.read(), request.headers.get("Content-Encoding", ""))
        sql = sql + b"\n" + body if sql and body else sql or body
        fault = self._fault(sql)
        if fault is not None:
            if fault.kind == "cut_before":
                return self._cut(request)
            if fault.kind == "status":
                return web.Response(status=fault.status, text="injected\n")
            if fault.kind == "poison":
                return self._failed(fault.code, f"Code: {fault.code}. DB::Exception: injected")
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
        settings = {
            key: value
            for key, value in query.items()
            if key not in NOT_SETTINGS and not key.startswith("param_") and value
        }
        params = {key[6:]: value for key, value in query.items() if key.startswith("param_")}
        try:
            answer, form, rows = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._engine.run, sql, query.get("database", ""), settings, params
            )
        except Exception as error:
            text = str(error)
            text = text[max(text.find("Code: "), 0) :]
            code = re.match(r"Code: (\d+)", text)
            return self._failed(int(code.group(1)) if code else 1000, text)
        if fault is not None and fault.kind == "cut_after":
            return self._cut(request)
        if fault is not None and fault.kind == "status_after":
            return web.Response(status=fault.status, text="injected\n")
        headers = {
            "X-ClickHouse-Query-Id": query.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": json.dumps({"written_rows": str(rows)}),
        }
        if form:
            headers["X-ClickHouse-Format"] = form
        if query.get("enable_http_compression") == "1" and "gzip" in request.headers.get(
            "Accept-Encoding", ""
        ):
            answer = gzip.compress(answer, 1)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=answer, headers=headers, content_type="application/octet-stream")

    def _fault(self, sql: bytes) -> Fault | None:
        for fault in self._faults:
            if fault.hits < fault.times and fault.match.encode() in sql:
                fault.hits += 1
                return fault
        return None

    @staticmethod
    def _cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    @staticmethod
    def _failed(code: int, text: str) -> web.Response:
        return web.Response(
            status=STATUS.get(code, 500),
            text=text + "\n",
            headers={"X-ClickHouse-Exception-Code": str(code)},
        )


async def main(folder: str, port: int) -> None:
    runner = web.AppRunner(Server(folder).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    # The parent's end closes our stdin: nothing is left behind when pytest is killed.
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
