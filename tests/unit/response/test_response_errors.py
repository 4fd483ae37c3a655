"""What PostgreSQL reports, as an answer."""

from __future__ import annotations

import json

import orjson
import pytest

from autorest.errors import STATUSES, Error, refuse
from autorest.response.errors import Report, database_error, error_response


@pytest.mark.parametrize(
    ("state", "message", "status"),
    [
        ("23505", "", 409),
        ("23514", "", 400),
        ("42883", "function nope() does not exist", 404),
        ("42883", "function xmlagg(x) does not exist", 406),
        ("21000", "UPDATE requires a WHERE clause", 400),
        ("21000", "more than one row returned by a subquery", 500),
        ("22023", 'role "x" does not exist', 401),
        ("22023", "invalid value", 400),
        ("53400", "", 500),
        ("53100", "", 503),
        ("57014", "", 500),
        ("57P01", "", 503),
        ("XX000", "", 500),
        ("PT418", "tea", 418),
        ("PT199", "", 500),
        ("PT600", "", 600),
        ("PTxyz", "", 500),
        ("99999", "", 400),
    ],
)
def test_statuses(state: str, message: str, status: int) -> None:
    found = database_error(Report(state, message, "d", "h"), authenticated=True)
    assert (found.status, found.code, found.message, found.details, found.hint) == (status, state, message, "d", "h")


def test_who_may_not_is_asked_who_they_are() -> None:
    anonymous, known = (database_error(Report("42501", "no"), authenticated=known) for known in (False, True))
    assert (anonymous.status, anonymous.headers) == (401, (("WWW-Authenticate", "Bearer"),))
    assert (known.status, known.headers) == (403, ())
    for thing in ("privilege on the object", "rule for its rows", "role that a token names must be granted"):
        assert thing in (known.hint or "")


def test_what_was_missing_is_what_the_hint_gives() -> None:
    def hint(routine: str, authenticated: bool = True) -> str:
        return database_error(Report("42501", "no", routine=routine), authenticated=authenticated).hint or ""

    assert "GRANT" in hint("aclcheck_error")
    assert "CREATE POLICY" not in hint("aclcheck_error")
    assert "CREATE POLICY" in hint("ExecWithCheckOptions")
    assert "role that the gateway connects as" in hint("call_string_check_hook")
    assert "token" not in hint("aclcheck_error")
    assert "token" in hint("aclcheck_error", authenticated=False)


def test_an_empty_hint_is_one() -> None:
    assert database_error(Report("42501", "", "", ""), authenticated=True) == Error(403, "42501", "", "", "")


def test_what_is_unavailable_may_be_tried_again() -> None:
    def hint(state: str, detail: object) -> bytes | None:
        error = database_error(
            Report(state, json.dumps({"code": "C", "message": "M"}), json.dumps(detail)), authenticated=True
        )
        return dict(error_response(error).headers).get(b"retry-after")

    assert (hint("PT503", None), hint("53100", None), hint("PT500", None)) == (b"0", b"0", None)
    assert hint("PGRST", {"status": 503, "headers": {"Retry-After": "30"}}) == b"30"


def test_the_reason_phrase_is_the_message() -> None:
    assert (
        database_error(Report("PT402", "Payment Required, really"), authenticated=False).reason
        == "Payment Required, really"
    )


def raised(message: object, detail: object) -> Error:
    report = Report("PGRST", json.dumps(message), None if detail is None else json.dumps(detail))
    return database_error(report, authenticated=False)


def test_an_answer_raised_by_sql() -> None:
    detail = {"status": 402, "status_text": "Pay", "headers": {"X-A": "1"}}
    found = raised({"code": "C", "message": "M", "details": "D", "hint": "H"}, detail)
    assert found == Error(402, "C", "M", "D", "H", (("X-A", "1"),), "Pay")
    assert raised({"code": "C", "message": "M"}, {"status": 200, "headers": {}}).hint is None
    assert raised({"code": "C", "message": "M"}, {"status": 402.0, "headers": {}}).status == 402


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (None, {"status": 400, "headers": {}}),
        ({"code": "C"}, {"status": 400, "headers": {}}),
        ({"code": 1, "message": "M"}, {"status": 400, "headers": {}}),
        ({"code": "C", "message": "M", "details": 5}, {"status": 400, "headers": {}}),
        ({"code": "C", "message": "M"}, None),
        ({"code": "C", "message": "M"}, []),
        ({"code": "C", "message": "M"}, {"status": "400", "headers": {}}),
        ({"code": "C", "message": "M"}, {"status": 199, "headers": {}}),
        ({"code": "C", "message": "M"}, {"status": 402.5, "headers": {}}),
        ({"code": "C", "message": "M"}, {"status": 400, "headers": []}),
        ({"code": "C", "message": "M"}, {"status": 400, "headers": {"A": None}}),
        ({"code": "C", "message": "M"}, {"status": 400, "headers": {"": "x"}}),
        ({"code": "C", "message": "M"}, {"status": 400, "headers": {"A": "x\ny"}}),
        ({"code": "C", "message": "M"}, {"status": 400, "status_text": 1, "headers": {}}),
    ],
)
def test_an_answer_raised_wrongly(message: object, detail: object) -> None:
    found = raised(message, detail)
    assert (found.status, found.code) == (500, "PGRST121")
    assert found.details and found.hint


def test_errors_as_answers() -> None:
    response = error_response(refuse("PGRST116", "m", "d", "h", headers=(("X-A", "é"),)).error)
    headers = dict(response.headers)
    assert response.status == STATUSES["PGRST116"] == 406
    assert response.body == b'{"code":"PGRST116","details":"d","hint":"h","message":"m"}'
    assert headers[b"content-length"] == str(len(response.body)).encode()
    assert headers[b"proxy-status"] == b"autorest; error=PGRST116"
    assert headers[b"x-a"] == "é".encode()
    brief = error_response(Error(400, "C", "m", "d", "h"), verbose=False)
    assert orjson.loads(brief.body) == {"code": "C", "message": "m"}


def test_no_line_of_the_head_ends_early() -> None:
    response = error_response(Error(400, "C\r\nX: 1", "m", reason="a\r\nX: 2"))
    assert response.reason == "a  X: 2"
    assert not any(b"\n" in value or b"\r" in value for _, value in response.headers)
