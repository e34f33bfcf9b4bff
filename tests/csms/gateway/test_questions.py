"""Reports that need an answer from elsewhere: nothing waits, and there is always an end."""

import asyncio

import pytest

from actors.charger.messages import Call
from csms.gateway.questions import Questions, asked_elsewhere
from domain.errors import Unavailable
from domain.events import HeartbeatReceived
from domain.reports import AuthorizationAsked, CertificateHash, QuestionAsked

CALL = Call("1", "Authorize", b"{}", 0, ())
HASH = CertificateHash("SHA256", "aa", "bb", "1", "http://ocsp.example.com/")
CONTRACT = AuthorizationAsked("DE8AA", "eMAID", "", (HASH,))
STATUS = QuestionAsked("GetCertificateStatus", "{}", payload={"ocspRequestData": {}})


def test_only_what_needs_it_is_asked_elsewhere() -> None:
    assert asked_elsewhere(CONTRACT)
    assert asked_elsewhere(AuthorizationAsked("DE8AA", "eMAID", "PEM"))
    assert asked_elsewhere(STATUS)
    assert asked_elsewhere(QuestionAsked("Get15118EVCertificate", "{}"))
    assert not asked_elsewhere(AuthorizationAsked("CARD"))
    assert not asked_elsewhere(QuestionAsked("VatNumberValidation", "{}"))
    assert not asked_elsewhere(HeartbeatReceived())


async def completed(questions: Questions, report):
    told = asyncio.get_running_loop().create_future()
    questions.put(report, CALL, lambda done, call: told.set_result((done, call)))
    done, call = await asyncio.wait_for(told, 5)
    assert call is CALL
    return done


async def test_an_answer_completes_the_report() -> None:
    async def ask(question):
        assert question["question"] in {"Authorize", "GetCertificateStatus"}
        return {"status": "Accepted", "ocspResult": "MII"}

    questions = Questions(ask, 5, 10)
    assert (await completed(questions, CONTRACT)).certificate_status == "Accepted"
    done = await completed(questions, STATUS)
    assert (done.status, done.fields) == ("Accepted", {"ocspResult": "MII"})
    assert questions.unanswered == 0


async def never(question):
    await asyncio.Event().wait()


async def away(question):
    raise Unavailable("the ledger is away")


async def nonsense(question):
    return 7


@pytest.mark.parametrize(
    "ask", [never, away, nonsense, None], ids=["never", "away", "nonsense", "nobody"]
)
async def test_without_an_answer_in_time_the_report_says_so(ask) -> None:
    questions = Questions(ask, 0.05, 10)
    assert (await completed(questions, CONTRACT)).certificate_status == "NoCertificateAvailable"
    assert (await completed(questions, STATUS)).status == ""


async def test_questions_beyond_the_limit_are_unanswered_at_once() -> None:
    questions = Questions(never, 60, 2)
    told = []
    for _ in range(4):
        questions.put(CONTRACT, CALL, lambda done, call: told.append(done.certificate_status))
    assert told == ["NoCertificateAvailable"] * 2
    assert questions.unanswered == 2
    questions.stop()
    await asyncio.sleep(0)
