"""`GET /api/v1/transactions/{id}`; the list is in `lists.py`."""

from typing import Any

from fastapi import APIRouter, Request

from csms.api.auth import principal_of
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_charger, is_confined
from domain.errors import NotFound
from storage.relational import reads

router = APIRouter(prefix="/api/v1/transactions", tags=["transactions"])


@router.get("/{transaction}", responses=problems(404), summary="One transaction")
async def get_transaction(request: Request, transaction: str) -> dict[str, Any]:
    """Return a transaction with every stop that came for it."""
    services, principal = services_of(request), principal_of(request)
    found = await reads.transaction(services.engine, transaction)
    if is_confined(principal) or principal.sites:
        try:
            record = await services.registry.get_charger(found["charger"])
        except NotFound:
            raise NotFound("transaction", transaction) from None
        check_charger(principal, record, "transaction", transaction)
    return found
