"""`/api/v1/chargers/{id}/variables`: the device model of a charger, configuration keys of 1.6."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from csms.api.auth import Caller, Principal, principal_of, require
from csms.api.device import Device
from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger
from domain.access import Permission
from domain.errors import InvalidInput
from domain.events import Variable
from domain.records import ChargerRecord
from protocol.variables import set_calls
from protocol.version import Version
from storage.relational import monitors, reads

router = APIRouter(prefix="/api/v1/chargers/{charger}", tags=["variables"])

SET_MAX = 500
"""Variables in one request."""
REQUEST_MAX = 1 << 30
NUMBER_MAX = (1 << 31) - 1
"""Of EVSEs and connectors: OCPP has integers of 32 bits."""


class Place(Input):
    """A variable. Names may have an /instance."""

    component: str = Field(default="", max_length=101, description="1.6: empty.")
    variable: str = Field(
        min_length=1,
        max_length=101,
        description="1.6: the configuration key.",
        examples=["Enabled"],
    )
    evse: int = Field(default=0, ge=0, le=NUMBER_MAX, description="0: the component is of no EVSE.")
    connector: int = Field(default=0, ge=0, le=NUMBER_MAX)
    attribute: str = Field(default="Actual", pattern="^(Actual|Target|MinSet|MaxSet)$")

    def read(self, value: str = "") -> Variable:
        """Return it in words of the domain."""
        component, _, component_instance = self.component.partition("/")
        variable, _, variable_instance = self.variable.partition("/")
        return Variable(
            component,
            variable,
            value,
            component_instance,
            variable_instance,
            self.evse,
            self.connector,
            self.attribute,
        )


class Wanted(Place):
    """A variable and the value that it is to have."""

    value: str = Field(max_length=2_500)


class NewValues(Input):
    """Variables to be set."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "set": [
                        {
                            "component": "OCPPCommCtrlr",
                            "variable": "HeartbeatInterval",
                            "value": "60",
                        }
                    ]
                }
            ]
        }
    )

    set: tuple[Wanted, ...] = Field(min_length=1, max_length=SET_MAX)


class Outcome(BaseModel):
    """What the charger said to one variable."""

    component: str
    variable: str
    evse: int
    connector: int
    attribute: str
    value: str
    status: str = Field(
        description="The charger's word (Accepted, Rejected, RebootRequired, UnknownVariable ...); "
        "timed_out, lost, error or refused: there is no answer; not_sent: after such a one."
    )


class Outcomes(BaseModel):
    """What the charger said to each."""

    results: list[Outcome]


class Refresh(BaseModel):
    """A report was asked for; the variables change when it comes."""

    command: str
    outcome: str = Field(description="As of a command; empty: not known.")


class MonitoringView(BaseModel):
    """How much of its monitors a charger tells. The monitors: `GET /api/v1/monitors`."""

    base: str = Field(
        description="All, FactoryDefault or HardWiredOnly, as last set; empty: it was never set."
    )
    base_us: int
    level: int = Field(description="Events up to this severity are told; -1: it was never set.")
    level_us: int
    whole_us: int = Field(
        description="When the last whole report of all monitors was asked for: whatever it does "
        "not have is gone; 0: never."
    )
    monitors: int = Field(description="How many are known.")
    unconfirmed: int = Field(
        description="How many of them were not told since the charger's last boot."
    )


@router.get("/variables", responses=problems(404, 422), summary="Variables of a charger")
async def list_variables(
    request: Request,
    charger: str,
    component: Annotated[str | None, Query(description="With /instance; 1.6: empty.")] = None,
    variable: Annotated[str | None, Query(description="With /instance; 1.6: the key.")] = None,
    evse: Annotated[int | None, Query(ge=0, le=NUMBER_MAX)] = None,
    attribute: str | None = None,
    search: Annotated[str | None, Query(description="In names and values.")] = None,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=reads.PAGE_MAX)] = 100,
) -> dict[str, Any]:
    """Return what was last reported, set or got, of every attribute of every variable."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal_of(request), record)
    filters = {
        "charger": record.id,
        "component": component,
        "variable": variable,
        "evse": evse,
        "attribute": attribute,
        "search": search,
    }
    page = await reads.page(services.engine, "variables", filters, cursor=cursor, limit=limit)
    return {"items": page.items, "next": page.next}


@router.patch("/variables", responses=problems(404, 409, 422), summary="Set variables")
async def set_variables(
    request: Request, charger: str, body: NewValues, principal: Caller
) -> Outcomes:
    """Set variables in batches within the charger's limits (1.6: one key a call)."""
    services, record = await _record(request, charger)
    device = await Device.of(services, principal, record)
    wanted = [each.read(each.value) for each in body.set]
    may_set(principal, device.version, wanted)
    return outcomes(await device.set(wanted))


@router.post(
    "/variables/refresh", responses=problems(404, 409), summary="Ask a charger for its variables"
)
async def refresh_variables(request: Request, charger: str, principal: Caller) -> Refresh:
    """Ask for the full inventory (1.6: all configuration keys)."""
    services, record = await _record(request, charger)
    device = await Device.of(services, principal, record)
    command, result = await device.report(services.clock.now_us() // 1_000 % REQUEST_MAX)
    return Refresh(command=command, outcome=result.outcome if result is not None else "")


@router.get("/monitoring", responses=problems(404), summary="What a charger's monitors tell")
async def get_monitoring(request: Request, charger: str) -> MonitoringView:
    """Return which set of monitors is active, and up to which severity events are told."""
    services, record = await _record(request, charger)
    return MonitoringView(**await monitors.of_charger(services.engine, record.id))


def may_set(principal: Principal, version: Version, wanted: list[Variable]) -> None:
    """Raise unless the caller may send these calls, and the version has such variables.

    Raises:
        InvalidInput: a component is missing (2.x).
        Problem: 403, some of them could lock the charger out.
    """
    if "SetVariables" in version.outbound:
        for place, each in enumerate(wanted):
            if not each.component:
                raise InvalidInput(
                    f"set.{place}.component", "must be said to a charger of OCPP 2.x"
                )
    for call in set_calls(version, wanted, SET_MAX, 0):
        row = version.outbound[call.action]
        if row.is_for_admins(call.payload):
            require(principal, Permission.calls_trust)


def outcomes(found: list[Variable]) -> Outcomes:
    """Return results as JSON has them."""
    return Outcomes(
        results=[
            Outcome(
                component=_path(each.component, each.component_instance),
                variable=_path(each.variable, each.variable_instance),
                evse=each.evse,
                connector=each.connector,
                attribute=each.attribute,
                value=each.value,
                status=each.status,
            )
            for each in found
        ]
    )


def _path(name: str, instance: str) -> str:
    return f"{name}/{instance}" if instance else name


async def _record(request: Request, charger: str) -> tuple[Services, ChargerRecord]:
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal_of(request), record)
    return services, record
