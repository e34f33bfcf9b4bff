"""Which problems a route can answer with, for the OpenAPI document."""

from typing import Any

from csms.api.models import ProblemView
from csms.api.problems import MEDIA_TYPE, TITLES

COMMON = (401, 403, 429, 503)
Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Return the entries of `statuses` and of those that every route has."""
    return {
        status: {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
        }
        for status in sorted({*COMMON, *statuses})
    }


PROBLEM_SCHEMA = ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")

LATER: Responses = {202: {"description": "It is done; the gateways will know later."}}
