"""Controls of the charger as a distributed energy resource (2.1 part 2, chapter R)."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from csms.simulator.face import LATER_S, Request, answer
from csms.simulator.instants import US_PER_S, from_iso
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import Control, EquippedCommand, EquippedFace

CONTROLS_MAX = 24
WORDS: Mapping[str, str] = {
    "EnterService": "enterService",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "FreqDroop": "freqDroop",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
}
"""Where a control of a type is written; every other type is a curve."""
INNER: Mapping[str, str] = {"fixedPFAbsorb": "fixedPF", "fixedPFInject": "fixedPF"}
"""What a report calls the member within, where it is called otherwise."""
UNSCHEDULED = frozenset({"enterService", "gradient"})
"""They have no times, and a report does not say whether they are a default."""


def _word(kind: str) -> str:
    return WORDS.get(kind, "curve")


def _values(control: Control) -> dict[str, Any]:
    return dict(control.request[_word(control.request["controlType"])])


def _alike(charger: EquippedFace, request: Request) -> Iterator[Control]:
    """Yield the other controls of a type, defaults or not."""
    for control in charger.equipment.controls.values():
        other = control.request
        same = all(other[name] == request[name] for name in ("controlType", "isDefault"))
        if same and other["controlId"] != request["controlId"]:
            yield control


def set_der_control(charger: EquippedFace, request: Request) -> Payload:
    """Keep a control; of those of a type the one with the lowest number of priority works (R04)."""
    values = request.get(_word(request["controlType"]))
    controls, number = charger.equipment.controls, str(request["controlId"])
    timed = values is not None and ("startTime" in values or "duration" in values)
    if values is None or (request["isDefault"] and timed):
        return answer("Rejected")
    if number not in controls and len(controls) >= CONTROLS_MAX:
        return answer("Rejected")
    control = Control(dict(request))
    superseded = []
    for other in _alike(charger, request):
        if _values(other)["priority"] < values["priority"]:
            control.superseded = True
        elif not other.superseded:
            other.superseded = True
            superseded.append(str(other.request["controlId"]))
    controls[number] = control
    if not request["isDefault"]:
        start_us = from_iso(str(values.get("startTime", "")), charger.now_us)
        wait_s = max(LATER_S, (start_us - charger.now_us) / US_PER_S)
        charger.after(wait_s, partial(_start, charger, control, superseded))
    charger.limits_changed()
    return {"status": "Accepted", **({"supersededIds": superseded} if superseded else {})}


def working(charger: EquippedFace, kind: str) -> Mapping[str, Any] | None:
    """Return the values of the control of a type that is at work, a scheduled one before a default.

    None: there is none.
    """
    found = None
    for control in charger.equipment.controls.values():
        if control.request["controlType"] != kind or control.superseded:
            continue
        if control.started:
            return _values(control)
        if control.request["isDefault"]:
            found = _values(control)
    return found


def _is_here(charger: EquippedFace, control: Control) -> bool:
    return charger.equipment.controls.get(control.request["controlId"]) is control


def _tell(charger: EquippedFace, control: Control, superseded: list[str], *, started: bool) -> None:
    control.started = started
    said: Payload = {
        "controlId": control.request["controlId"],
        "started": started,
        "timestamp": charger.stamp(charger.now_us),
    }
    if superseded:
        said["supersededIds"] = superseded
    charger.limits_changed()
    charger.send("NotifyDERStartStop", said)


def _start(charger: EquippedFace, control: Control, superseded: list[str], _now_us: int) -> None:
    if control.superseded or not _is_here(charger, control):
        return
    _tell(charger, control, superseded, started=True)
    duration_s = _values(control).get("duration")
    if duration_s is not None:
        charger.after(float(duration_s), partial(_end, charger, control))


def _end(charger: EquippedFace, control: Control, _now_us: int) -> None:
    if _is_here(charger, control):
        _remove(charger, control)


def _remove(charger: EquippedFace, control: Control) -> None:
    """Forget a control; the next of its type goes to work."""
    del charger.equipment.controls[control.request["controlId"]]
    if control.started:
        _tell(charger, control, [], started=False)
    others = sorted(_alike(charger, control.request), key=lambda other: _values(other)["priority"])
    if others and not control.superseded:
        others[0].superseded = False
        if not others[0].started and not others[0].request["isDefault"]:
            start_us = from_iso(str(_values(others[0]).get("startTime", "")), charger.now_us)
            if start_us <= charger.now_us:
                _start(charger, others[0], [], charger.now_us)
    charger.limits_changed()


def _wanted(charger: EquippedFace, request: Request) -> list[Control]:
    return [
        control
        for control in charger.equipment.controls.values()
        if all(
            request.get(name) in {None, control.request[name]}
            for name in ("controlId", "controlType", "isDefault")
        )
    ]


def clear_der_control(charger: EquippedFace, request: Request) -> Payload:
    """Forget controls."""
    found = _wanted(charger, request)
    for control in found:
        charger.after(LATER_S, partial(_end, charger, control))
    return answer("Accepted" if found else "NotFound")


def _report(control: Control) -> Payload:
    request = control.request
    kind, word = str(request["controlType"]), _word(request["controlType"])
    row: Payload = {"id": request["controlId"], INNER.get(word, word): request[word]}
    if word not in UNSCHEDULED:
        row |= {"isDefault": request["isDefault"], "isSuperseded": control.superseded}
    if word == "curve":
        row["curveType"] = kind
    return {word: [row]}


def get_der_control(charger: EquippedFace, request: Request) -> Payload:
    """Report the wanted controls soon after the answer, each in a part of its own."""
    found = [_report(control) for control in _wanted(charger, request)]
    if not found:
        return answer("NotFound")

    def report(_now_us: int) -> None:
        for at, row in enumerate(found, start=1):
            said: Payload = {"requestId": request["requestId"], "tbc": at < len(found), **row}
            charger.send("ReportDERControl", said)

    charger.after(LATER_S, report)
    return answer("Accepted")


COMMANDS: Mapping[str, EquippedCommand] = {
    "ClearDERControl": clear_der_control,
    "GetDERControl": get_der_control,
    "SetDERControl": set_der_control,
}
