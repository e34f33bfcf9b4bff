"""`POST /api/v1/chargers/{id}/calls`: a plain route, since programs send commands by the thousand.

A body is read by msgspec. What that refuses is read again by the model that the OpenAPI document
shows, which says what is wrong and has the last word.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from csms.api.calls import Call, send_call
from csms.api.commands import UNTIL
from csms.api.held import body_of
from csms.api.idempotency import KEY_LENGTH_MAX
from csms.api.models import CommandView, NewCall
from csms.api.problems import from_validation
from csms.api.query import Parameter, choice, number, parameters_of, read_query
from csms.api.responses import problems
from csms.api.rules import CALLS, COMMANDS
from domain.errors import InvalidInput

WAIT_S: Final = 30.0
PARAMETERS: Final = (
    Parameter("wait", number(0.0, WAIT_S), "Seconds; 0: do not wait."),
    Parameter("until", choice("answer", "end", default="answer"), UNTIL),
)
JSON: Final = "application/json"
IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A second request with the same key and body is the same command and "
    "gets the same answer; another body: 422. Kept for `api.idempotency_s`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
}
REF: Final = "#/components/schemas/{model}"

_call = msgspec.json.Decoder(Call)
_json = msgspec.json.Encoder()


def routes() -> list[Route]:
    """Return the route."""
    return [Route(CALLS, _endpoint, methods=["POST"])]


async def _endpoint(request: Request) -> Response:
    return await answered(request, request.path_params["charger"], asked_of(request))


def asked_of(request: Request) -> dict[str, Any]:
    """Return what the query of a request says.

    Raises:
        InvalidInput: it says what no call has.
    """
    return read_query(request, PARAMETERS) if request.scope["query_string"] else {}


async def answered(request: Request, charger: str, asked: Mapping[str, Any]) -> Response:
    """Return the answer to a request whose caller is known and may send calls.

    Args:
        request: the request.
        charger: its identity.
        asked: see `asked_of`.

    Raises:
        CsmsError: see `send_call`.
    """
    if "\0" in charger:
        raise InvalidInput("charger", "must not have the character NUL")
    call = _read(await body_of(request.receive), request.headers.get("content-type", ""))
    answer = await send_call(
        request, charger, call, asked.get("wait", WAIT_S), asked.get("until", "answer")
    )
    headers = {"Location": f"{COMMANDS}/{answer.id}"}
    return Response(_json.encode(answer.view), answer.status, headers, media_type=JSON)


def _read(body: bytes, content_type: str) -> Call:
    """Return the call that a body is.

    Raises:
        Problem: 422, it is none.
        InvalidInput: it is no JSON.
    """
    if content_type.partition(";")[0].strip().lower() == JSON:
        try:
            call = _call.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if "\0" not in call.action:
                return call
    return _explained(body, content_type)


def _explained(body: bytes, content_type: str) -> Call:
    """As `_read`, by the model of the document."""
    kind = content_type.partition(";")[0].strip().lower()
    read: Any = body
    if not body:
        read = None
    elif kind == JSON or (kind.startswith("application/") and kind.endswith("+json")):
        try:
            read = json.loads(body)
        except (ValueError, RecursionError) as error:
            rule = "must be JSON in UTF-8, not nested too deeply"
            raise InvalidInput("body", rule) from error
    try:
        model = NewCall.model_validate(read)
    except ValidationError as error:
        raise from_validation(error.errors(), NewCall.model_fields) from error
    return Call(model.action, model.payload, model.force, model.priority)


def openapi_paths() -> dict[str, Any]:
    """Return its entry of the OpenAPI document."""
    view = {JSON: {"schema": {"$ref": REF.format(model=CommandView.__name__)}}}
    charger = {"name": "charger", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        CALLS: {
            "post": {
                "tags": ["calls"],
                "summary": "Send an OCPP call and get the charger's answer",
                "description": "Send a call. 200: it has ended, and `outcome` says how. 202: it "
                "has not ended yet.\n\n409: the charger is not connected, or takes no more "
                "commands now.",
                "operationId": "call_api_v1_chargers__charger__calls_post",
                "parameters": [charger, *parameters_of(PARAMETERS), IDEMPOTENCY_KEY],
                "requestBody": {
                    "required": True,
                    "content": {JSON: {"schema": {"$ref": REF.format(model=NewCall.__name__)}}},
                },
                "responses": {
                    "200": {"description": "Successful Response", "content": view},
                    "202": {
                        "description": "Not ended yet: ask at `Location`.",
                        "content": view,
                    },
                    **{
                        str(status): entry for status, entry in problems(404, 409, 413, 422).items()
                    },
                },
            }
        }
    }


def openapi_schemas() -> dict[str, Any]:
    """Return the schemas that its entry refers to and no other route has."""
    return {NewCall.__name__: NewCall.model_json_schema(ref_template=REF)}
