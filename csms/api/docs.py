"""`/api/docs`: the OpenAPI document as one page of HTML, without scripts or anything from outside.

It works on a machine without internet, and behind a policy that forbids scripts.
"""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f4f4f4;padding:.7rem;overflow:auto}
summary{cursor:pointer;padding:.3rem 0}table{border-collapse:collapse}
td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}
b{display:inline-block;min-width:4rem}
"""
JSON = "application/json"
METHODS = ("get", "post", "put", "patch", "delete")


def docs_page(document: Mapping[str, Any]) -> str:
    """Return the page for an OpenAPI document."""
    return "".join(_page(document))


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{escape(info['title'])}</title><style>{STYLE}</style>"
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
    yield f"<p>{escape(info.get('description', ''))}</p>"
    yield '<p>For tools: <a href="openapi.json">openapi.json</a></p>'
    tags: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                block = "".join(_operation(document, path, method, item[method]))
                tags.setdefault(tag, []).append(block)
    for tag, blocks in tags.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(blocks)}"


def _operation(
    document: Mapping[str, Any], path: str, method: str, row: Mapping[str, Any]
) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
    yield f"{escape(row.get('summary', ''))}</summary>"
    yield f"<p>{escape(row.get('description', ''))}</p>"
    example = None
    schema: Mapping[str, Any] = {}
    body = row.get("requestBody")
    if body:
        media, content = next(iter(body["content"].items()))
        if media == JSON:
            schema = _resolved(document, content["schema"])
            example = (schema.get("examples") or [{}])[0]
        else:
            yield f"<p>The body is {escape(media)}.</p>"
    yield f"<pre>{escape(_curl(path, method, example))}</pre>"
    rows = [(p["name"], p["in"], p.get("description", "")) for p in row.get("parameters", ())]
    if schema:
        rows += [
            (name, "body", field.get("description", ""))
            for name, field in schema.get("properties", {}).items()
        ]
    if rows:
        yield "<table>"
        for cells in rows:
            yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        yield "</table>"
    yield "<p>Answers: "
    yield ", ".join(
        f"{escape(str(status))} {escape(answer.get('description', ''))}"
        for status, answer in row["responses"].items()
    )
    yield "</p></details>"


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return found


def _curl(path: str, method: str, example: object) -> str:
    line = 'curl -H "Authorization: Bearer $KEY" '
    if method != "get":
        line += f"-X {method.upper()} "
    if example is not None:
        line += f"-H 'Content-Type: application/json' -d '{json.dumps(example)}' "
    return f"{line}$API{path}"
