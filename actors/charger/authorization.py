"""Whether a token may charge (OCPP 1.6 sections 3.5, 4.1 and 7.2)."""

from msgspec.structs import replace

from actors.charger.effects import Effect, Reply
from actors.charger.messages import Said
from actors.charger.state import State
from domain.answers import AuthorizationAnswer, TokenDecision
from domain.events import TokenChecked
from domain.reports import AuthorizationAsked


def decide(state: State, token: str, now_us: int, kind: str = "") -> TokenDecision:
    """Return what is known of `token`, without a look at running transactions.

    `kind` is its type as shown (2.x); a record of another type is another token's.
    """
    record = state.desk.token(token) if token else None
    if record is not None and record.kind and kind and record.kind != kind:
        record = None
    if record is None:
        if kind in state.settings.open_token_kinds:
            return TokenDecision("Accepted")
        return TokenDecision("Accepted" if state.settings.accept_unknown_tokens else "Invalid")
    if record.status == "Accepted" and record.expires_us and record.expires_us <= now_us:
        return TokenDecision("Expired", record.expires_us, record.parent)
    return TokenDecision(record.status, record.expires_us, record.parent)


def is_same(token: str, other: str) -> bool:
    """Return whether two tokens are one: 1.6 compares without regard to case (CiString20)."""
    return token == other or token.casefold() == other.casefold()


def may_stop(state: State, token: str, started: str) -> bool:
    """Return whether `token` may end what `started` began: the same, or one of its group.

    The token of the group itself may end what any of its members began (C16).
    """
    if not started or is_same(token, started):
        return True
    record = state.desk.token(token)
    other = state.desk.token(started)
    group = other.parent if other is not None else ""
    if not group:
        return False
    return is_same(token, group) or (record is not None and is_same(record.parent, group))


def is_concurrent(state: State, token: str, here: int) -> bool:
    """Return whether one more transaction of `token` would be one too many.

    `here` is how many of its transactions this charger itself is known to run.
    """
    record = state.desk.token(token)
    if record is None or record.max_active == 0:
        return False
    return state.desk.active(token, besides=state.charger) + here >= record.max_active


def asked(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer Authorize.

    Transactions at this very charger do not count: the driver may be here to stop one of them.
    """
    report = message.report
    assert isinstance(report, AuthorizationAsked)
    decision = decide(state, report.token, now_us, report.kind)
    if decision.status == "Accepted" and is_concurrent(state, report.token, 0):
        decision = TokenDecision("ConcurrentTx", decision.expires_us, decision.parent)
    decision = _with_contract(decision, report)
    return [
        Reply(
            message.call,
            AuthorizationAnswer(decision),
            (TokenChecked(report.token, decision.status, report.kind),),
            durable=False,
        )
    ]


def _with_contract(decision: TokenDecision, report: AuthorizationAsked) -> TokenDecision:
    """Return the decision over a token whose contract was shown too (2.x C07.FR.01 to 05).

    A contract that is not good cannot authorize, whatever is known of its eMAID. A good one whose
    eMAID we do not know is told so: the certificate is fine, the token is not.
    """
    if not (report.certificate or report.hashes):
        return decision
    found = report.certificate_status or "NoCertificateAvailable"
    status = decision.status if found == "Accepted" else CONTRACT_STATUSES.get(found, "Invalid")
    if decision.status == "Blocked" and found == "Accepted":
        found = "ContractCancelled"
    return replace(decision, status=status, certificate_status=found)


CONTRACT_STATUSES = {"CertificateExpired": "Expired", "CertificateRevoked": "Invalid"}
"""Status of a contract -> of its token; all others: Invalid."""
