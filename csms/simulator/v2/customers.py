"""What a charger knows about a customer (part 2, N09 and N10)."""

from collections.abc import Iterator, Mapping

from csms.simulator.face import LATER_S, Request, answer
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import EquippedCommand, EquippedFace, parts

CHARS = 512
"""Of `data` in one NotifyCustomerInformation."""
NAMES = ("idToken", "customerCertificate", "customerIdentifier")


def _lines(charger: EquippedFace, token: str) -> Iterator[str]:
    status = charger.local_list.tokens.get(token.lower())
    if status is not None:
        yield f"localAuthorizationList: {status}, version {charger.local_list.version}\n"
    for number, connector in charger.connectors.items():
        transaction, reservation = connector.transaction, connector.reservation
        if transaction is not None and transaction.token.lower() == token.lower():
            since = charger.stamp(transaction.started_us)
            yield f"transaction: {transaction.id}, EVSE {number}, since {since}\n"
        if reservation is not None and reservation.token.lower() == token.lower():
            yield f"reservation: {reservation.number}, EVSE {number}\n"


def customer_information(charger: EquippedFace, request: Request) -> Payload:
    """Report what is known of a card; certificates and customers are not known here.

    There is no cache to clear; the local list and what runs are the server's to end (N10).
    """
    if sum(request.get(name) is not None for name in NAMES) != 1:
        return answer("Invalid")
    if not request["report"]:
        return answer("Accepted" if request["clear"] else "Rejected")
    token = request.get("idToken")
    known = "".join(_lines(charger, str(token["idToken"]))) if token is not None else ""

    def tell(_now_us: int) -> None:
        # Where nothing is known, that is told (N09).
        for seq, part, more in parts(known or "-", CHARS):
            said: Payload = {
                "requestId": request["requestId"],
                "generatedAt": charger.stamp(charger.now_us),
                "seqNo": seq,
                "tbc": more,
                "data": part,
            }
            charger.send("NotifyCustomerInformation", said)

    charger.after(LATER_S, tell)
    return answer("Accepted")


COMMANDS: Mapping[str, EquippedCommand] = {"CustomerInformation": customer_information}
