import pytest

from actors.charger.effects import Reply
from domain.answers import AuthorizationAnswer, TokenDecision
from domain.events import TokenChecked
from domain.records import TokenRecord
from domain.reports import AuthorizationAsked
from tests.actors.charger.desk import T0, S, call, new_state, run, said, start


def asked(state, token: str = "TAG") -> TokenDecision:
    (reply,) = run(state, said(AuthorizationAsked(token)))
    assert isinstance(reply.answer, AuthorizationAnswer)
    return reply.answer.token


@pytest.mark.parametrize(
    ("record", "decision"),
    [
        (TokenRecord("TAG"), TokenDecision("Accepted")),
        (TokenRecord("tag", parent="P"), TokenDecision("Accepted", 0, "P")),
        (TokenRecord("TAG", status="Blocked"), TokenDecision("Blocked")),
        (TokenRecord("TAG", expires_us=T0), TokenDecision("Expired", T0)),
        (TokenRecord("TAG", expires_us=T0 + S), TokenDecision("Accepted", T0 + S)),
        (
            TokenRecord("TAG", status="Blocked", expires_us=T0 - S),
            TokenDecision("Blocked", T0 - S),
        ),
        (TokenRecord("OTHER"), TokenDecision("Invalid")),
    ],
)
def test_a_token_is_what_its_record_says(record, decision) -> None:
    assert run(new_state(record), said(AuthorizationAsked("TAG"))) == [
        Reply(
            call(),
            AuthorizationAnswer(decision),
            (TokenChecked("TAG", decision.status),),
            durable=False,
        )
    ]


def test_unknown_tokens_are_accepted_where_that_is_set() -> None:
    assert asked(new_state(accept_unknown_tokens=True)) == TokenDecision("Accepted")


@pytest.mark.parametrize(
    ("max_active", "elsewhere", "status"),
    [(1, 0, "Accepted"), (1, 1, "ConcurrentTx"), (2, 1, "Accepted"), (0, 9, "Accepted")],
)
def test_transactions_at_other_chargers_count(max_active, elsewhere, status) -> None:
    state = new_state(TokenRecord("TAG", max_active=max_active))
    state.desk.elsewhere["tag"] = elsewhere
    assert asked(state).status == status


def test_a_transaction_at_this_very_charger_does_not_count() -> None:
    state = new_state(TokenRecord("TAG"))
    run(state, said(start()))
    assert asked(state).status == "Accepted"
