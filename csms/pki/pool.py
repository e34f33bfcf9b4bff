"""Contract certificate pools: who gives a car its contract (Get15118EVCertificate; M01, M02).

A pool is somebody's service, so what it says is checked before a charger gets it. The forms are
rows: what is sent, and what an answer means.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from csms.pki.contract_settings import ContractSettings
from csms.pki.fetch import Post, addresses_of, post
from domain.errors import Unavailable

FAILED: Mapping[str, object] = {"status": "Failed", "exiResponse": ""}
EXI_CHARS_MAX = 17_000
"""Of exiResponse: 5,600 in 2.0.1, 17,000 in 2.1."""


class Form(NamedTuple):
    """How a pool is spoken to."""

    path: str
    ask: Callable[[Mapping[str, Any]], dict[str, object]]
    read: Callable[[Mapping[str, Any]], dict[str, object]]
    """Raises KeyError, TypeError or IndexError for what is no answer."""


def _ask_ocpp(payload: Mapping[str, Any]) -> dict[str, object]:
    names = ("iso15118SchemaVersion", "action", "exiRequest", "maximumContractCertificateChains",
             "prioritizedEMAIDs")  # fmt: skip
    return {name: payload[name] for name in names if name in payload}


def _read_ocpp(answer: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {
        "status": answer["status"],
        "exiResponse": answer.get("exiResponse", ""),
    }
    if "remainingContracts" in answer:
        found["remainingContracts"] = int(answer["remainingContracts"])
    return found


def _ask_opcp(payload: Mapping[str, Any]) -> dict[str, object]:
    return {
        "certificateInstallationReq": payload["exiRequest"],
        "xsdMsgDefNamespace": payload["iso15118SchemaVersion"],
    }


def _read_opcp(answer: Mapping[str, Any]) -> dict[str, object]:
    content = answer["CCPResponse"]["emaidContent"]
    first = content[0]["messageDef"]["certificateInstallationRes"]
    return {"status": "Accepted", "exiResponse": first}


FORMS: Mapping[str, Form] = {
    "ocpp": Form("", _ask_ocpp, _read_ocpp),
    "opcp": Form("/v1/ccp/signedContractData", _ask_opcp, _read_opcp),
}


class ContractPools:
    """The pools that are set.

    Args:
        settings: `pools` and friends.
    """

    def __init__(self, settings: ContractSettings) -> None:
        self._settings = settings
        self._form = FORMS[settings.pool_form]
        self._tls: ssl.SSLContext | None = None
        if any(urlsplit(each).scheme == "https" for each in settings.pools):
            self._tls = ssl.create_default_context(cafile=settings.pool_ca)

    async def certificate(self, payload: Mapping[str, Any]) -> dict[str, object]:
        """Return the fields of Get15118EVCertificateResponse for a request.

        Raises:
            Unavailable: no pool has answered; says what each said.
        """
        settings, said = self._settings, []
        body = msgspec.json.encode(self._form.ask(payload))
        headers = {"Accept": "application/json"}
        if settings.pool_secret:
            headers["Authorization"] = f"Bearer {settings.pool_secret}"
        end_s = time.monotonic() + settings.pool_s
        for url in settings.pools:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                said.append("the time was over")
                break
            whole = url.rstrip("/") + self._form.path
            host = urlsplit(url).hostname or ""
            wanted = Post(whole, await addresses_of(host), body, "application/json", headers)
            try:
                answer = await post(wanted, left_s, settings.pool_bytes_max, self._tls)
                return self._checked(answer)
            except (Unavailable, ValueError, KeyError, TypeError, IndexError) as error:
                said.append(f"{host}: {error}")
        raise Unavailable("; ".join(said) or "no pool is set")

    def _checked(self, answer: bytes) -> dict[str, object]:
        found = self._form.read(msgspec.json.decode(answer, type=dict[str, Any]))
        exi = found["exiResponse"]
        if found["status"] not in {"Accepted", "Failed"}:
            raise ValueError(f"status is {found['status']!r}")
        if not isinstance(exi, str) or len(exi) > EXI_CHARS_MAX:
            raise ValueError("exiResponse is no text, or too long")
        if found["status"] == "Accepted" and not exi:
            raise ValueError("exiResponse is missing")
        return found
