"""HTTP/1.1 byte by byte: what is a request, what is an answer, and when a connection ends."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from autorest.server.http import PATIENT
from autorest.server.protocol import READ_AHEAD, SLACK, Limits, in_ascii, origin_form
from tests.unit.server.conftest import Echo, Line, answer, body_of, serving

pytestmark = pytest.mark.anyio

HOST = b"Host: test\r\n"


async def test_a_request_is_answered_and_the_connection_kept(line: Line) -> None:
    for body in (b"one", b"two"):
        line.say(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n" + body)
        assert await line.hear() == (200, body)


async def test_the_application_sees_what_was_sent(echo: Echo, line: Line) -> None:
    line.say(b"GET /a%20b?x=%20&y HTTP/1.1\r\n" + HOST + b"X-Twice: 1\r\nx-twice: 2\r\nX-Empty:\r\n\r\n")
    await line.hear()
    scope = echo.scopes[0]
    assert scope["method"] == "GET"
    assert scope["path"] == "/a b"
    assert scope["raw_path"] == b"/a%20b"
    assert scope["query_string"] == b"x=%20&y"
    assert scope["headers"] == [(b"host", b"test"), (b"x-twice", b"1"), (b"x-twice", b"2"), (b"x-empty", b"")]
    assert scope["http_version"] == "1.1"
    assert scope["client"][0] == "127.0.0.1"


async def test_a_request_may_come_in_pieces(line: Line) -> None:
    for piece in (b"PO", b"ST /", b"x HTTP/1.1\r\nHo", b"st: t\r\nContent-Le", b"ngth: 4\r\n\r", b"\nab", b"cd"):
        line.say(piece)
        await asyncio.sleep(0.01)
    assert await line.hear() == (200, b"abcd")


async def test_a_body_in_chunks_is_put_together(line: Line) -> None:
    line.say(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    line.say(b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")
    assert await line.hear() == (200, b"abcde")
    line.say(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await line.hear() == (200, b"")


async def test_trailers_are_no_headers(echo: Echo, line: Line) -> None:
    line.say(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    await line.hear()
    assert [name for name, _ in echo.scopes[0]["headers"]] == [b"transfer-encoding"]


async def test_a_body_larger_than_what_is_read_ahead_arrives_whole(line: Line) -> None:
    body = bytes(range(256)) * 8192
    line.say(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert await line.hear() == (200, body)
    line.say(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await line.hear() == (200, b"")


async def test_a_client_that_waits_for_a_sign_gets_one(line: Line) -> None:
    line.say(b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert await line.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.say(b"abc")
    assert await line.hear() == (200, b"abc")


async def test_the_sign_is_given_in_any_case_but_not_to_old_clients(line: Line) -> None:
    line.say(b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
    assert await line.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.say(b"abcPOST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert await line.hear() == (200, b"abc")
    await asyncio.sleep(0.05)
    line.say(b"def")
    assert (await line.rest()).startswith(b"HTTP/1.1 200 ")


async def test_the_sign_is_given_once(line: Line) -> None:
    line.say(b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert await line.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    for byte in (b"a", b"b", b"c"):
        line.say(byte)
        await asyncio.sleep(0.01)
    assert await line.hear() == (200, b"abc")


async def test_a_client_that_waits_for_a_sign_may_get_the_answer(line: Line) -> None:
    line.say(b"POST /early HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert await line.hear() == (413, b"no")


async def test_an_answer_before_the_whole_body_is_read_by_a_client_that_still_sends(line: Line) -> None:
    line.say(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 100000000\r\n\r\n")
    for _ in range(20):
        line.say(b"x" * 100_000)
        await asyncio.sleep(0.001)
    head = await line.head()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in head
    assert await line.rest() == b"no"


async def test_requests_sent_ahead_are_answered_in_order(line: Line) -> None:
    bodies = [b"%03d" % number for number in range(40)]
    line.say(b"".join(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n" + body for body in bodies))
    assert [await line.hear() for _ in bodies] == [(200, body) for body in bodies]
    line.say(b"GET /status/204 HTTP/1.1\r\n\r\n")
    assert await line.hear() == (204, b"")


async def test_a_slow_answer_is_not_overtaken(line: Line) -> None:
    line.say(b"GET /wait HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
    assert await line.hear() == (200, b"done")
    assert await line.hear() == (200, b"x")


async def test_more_requests_ahead_than_allowed_end_the_connection(echo: Echo) -> None:
    async with serving(echo, Limits(pipelined=5)) as (_, connect):
        line = await connect()
        line.say(b"GET /status/299 HTTP/1.1\r\n\r\n" * 50)
        answers = await line.rest()
    assert answers.count(b"HTTP/1.1 299") == 6
    assert answers.count(b"connection: close") == 1


async def test_a_supervisor_may_say_any_number_of_things_before_it_is_heard(echo: Echo) -> None:
    async with serving(echo, PATIENT) as (_, connect):
        line = await connect()
        line.say(b"GET /status/299 HTTP/1.1\r\n\r\n" * 500)
        assert [await line.hear() for _ in range(500)] == [(299, b"x")] * 500


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [(b"1.1", b"", True), (b"1.1", b"close", False), (b"1.0", b"", False), (b"1.0", b"keep-alive", True)],
)
async def test_whether_the_connection_is_kept(line: Line, version: bytes, connection: bytes, kept: bool) -> None:
    header = b"Connection: " + connection + b"\r\n" if connection else b""
    line.say(b"GET /status/200 HTTP/" + version + b"\r\n" + header + b"\r\n")
    head = await line.head()
    assert (b"connection: close" in head) is not kept
    assert (b"connection: keep-alive" in head) is (kept and version == b"1.0")
    assert await line.reader.readexactly(1) == b"x"
    if kept:
        line.say(b"GET /status/200 HTTP/1.1\r\n\r\n")
        assert await line.hear() == (200, b"x")
    else:
        assert await line.rest() == b""


async def test_an_answer_in_parts_is_chunked(line: Line) -> None:
    line.say(b"GET /chunks HTTP/1.1\r\nConnection: close\r\n\r\n")
    head, _, body = (await line.rest()).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


async def test_an_old_client_gets_an_answer_in_parts_up_to_the_end_of_the_connection(line: Line) -> None:
    line.say(b"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = (await line.rest()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == b"onetwo"


async def test_head_has_no_body(line: Line) -> None:
    line.say(b"HEAD /chunks HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
    assert b"transfer-encoding" not in await line.head()
    assert await line.hear() == (200, b"x")


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body_have_none(line: Line, status: int) -> None:
    line.say(b"GET /status/%d HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx" % status)
    assert b"transfer-encoding" not in await line.head()
    assert await line.hear() == (200, b"x")


@pytest.mark.parametrize(("status", "line_"), [(200, b"200 OK"), (418, b"418 I'm a Teapot"), (799, b"799 ")])
async def test_every_status_can_be_sent(line: Line, status: int, line_: bytes) -> None:
    line.say(b"GET /status/%d HTTP/1.1\r\n\r\n" % status)
    assert (await line.head()).startswith(b"HTTP/1.1 " + line_ + b"\r\n")


async def test_every_answer_has_a_date(line: Line) -> None:
    line.say(b"GET / HTTP/1.1\r\n\r\n")
    head = await line.head()
    assert head.count(b"\r\ndate: ") == 1
    assert b" GMT\r\n" in head


async def test_no_header_can_split_an_answer(line: Line) -> None:
    line.say(b"GET /split HTTP/1.1\r\n\r\n")
    answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "PGRSTX00"


@pytest.mark.parametrize("path", [b"/nothing", b"/broken"])
async def test_a_broken_application_is_answered_for(line: Line, path: bytes) -> None:
    line.say(b"GET " + path + b" HTTP/1.1\r\n\r\n")
    answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"on purpose" not in answer


async def test_an_answer_that_ends_too_early_cannot_be_taken_for_whole(line: Line) -> None:
    line.say(b"GET /short HTTP/1.1\r\n\r\n")
    assert b"content-length: 9" in await line.head()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await line.reader.readexactly(9)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nBroken header\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"BR{EW} / HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_ended(line: Line, data: bytes) -> None:
    line.say(data)
    answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"\r\n\r\n") == 1
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "HTTP400"


async def test_what_was_asked_before_nonsense_is_answered(line: Line) -> None:
    line.say(b"GET /wait HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
    answers = await line.rest()
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


async def test_letters_that_urls_lack_are_taken_as_utf_8(echo: Echo, line: Line) -> None:
    line.say("GET /tàble?name=eq.é HTTP/1.1\r\nX-Name: é\r\n\r\n".encode())
    await line.hear()
    assert echo.scopes[0]["raw_path"] == b"/t%C3%A0ble"
    assert echo.scopes[0]["query_string"] == b"name=eq.%C3%A9"
    assert (b"x-name", "é".encode()) in echo.scopes[0]["headers"]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://example.com/a/b?c=d", b"/a/b", b"c=d"),
        (b"http://example.com", b"/", b""),
        (b"http://example.com?c=d/e", b"/", b"c=d/e"),
        (b"/a?b#c", b"/a", b"b#c"),
        (b"//a", b"//a", b""),
    ],
)
async def test_the_forms_of_a_target(echo: Echo, line: Line, target: bytes, path: bytes, query: bytes) -> None:
    line.say(b"GET " + target + b" HTTP/1.1\r\n\r\n")
    await line.hear()
    assert (echo.scopes[0]["raw_path"], echo.scopes[0]["query_string"]) == (path, query)


async def test_an_offer_of_another_protocol_is_declined(line: Line) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    line.say(b"GET /status/200 HTTP/1.1\r\n" + upgrade + b"\r\n")
    assert await line.hear() == (200, b"x")
    line.say(b"POST / HTTP/1.1\r\n" + upgrade + b"Content-Length: 4\r\n\r\nab")
    await asyncio.sleep(0.02)
    line.say(b"cdPOST / HTTP/1.1\r\n" + upgrade + b"Transfer-Encoding: chunked\r\n\r\n2\r\nef\r\n0\r\n\r\n")
    assert await line.hear() == (200, b"abcd")
    assert await line.hear() == (200, b"ef")
    line.say(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\ng")
    assert await line.hear() == (200, b"g")


async def test_a_body_that_nobody_can_tell_the_end_of_is_refused_with_an_offer_to_upgrade_too(line: Line) -> None:
    line.say(
        b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: gzip\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    )
    answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_nothing_that_follows_a_body_in_chunks_of_http_1_0_is_a_request(echo: Echo, line: Line) -> None:
    line.say(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
    line.say(b"GET /status/299 HTTP/1.1\r\n\r\n")
    answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\na")
    assert b"connection: close" in answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 2000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X:\r\n" * 50 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 2 * SLACK, 431),
        (b"GET / HTTP/1.1\r\n" + b"y" * 2 * SLACK, 431),
        (b"\r\n" * SLACK, 431),
    ],
)
async def test_what_is_too_long_is_refused(echo: Echo, request_: bytes, status: int) -> None:
    async with serving(echo, Limits(target=1000, head=1000)) as (_, connect):
        line = await connect()
        line.say(request_)
        answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == f"HTTP{status}"
    assert echo.scopes == []


async def test_a_trailer_that_does_not_end_is_refused(echo: Echo) -> None:
    async with serving(echo, Limits(target=1000, head=1000)) as (_, connect):
        line = await connect()
        line.say(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: " + b"y" * 2 * SLACK)
        assert (await line.rest()).startswith(b"HTTP/1.1 431 ")


async def test_who_begins_and_does_not_go_on_is_told_so(echo: Echo) -> None:
    async with serving(echo, Limits(head_seconds=0.3)) as (_, connect):
        slow, silent = await connect(), await connect()
        slow.say(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")
        assert await silent.rest() == b""


async def test_headers_that_trickle_in_are_no_progress(echo: Echo) -> None:
    async with serving(echo, Limits(head_seconds=0.5)) as (_, connect):
        line = await connect()
        line.say(b"GET / HTTP/1.1\r\n")
        for _ in range(40):
            if line.reader.at_eof() or line.writer.is_closing():
                break
            line.say(b"X: y\r\n")
            await asyncio.sleep(0.05)
        assert (await line.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_does_not_go_on_is_given_up(echo: Echo) -> None:
    async with serving(echo, Limits(silent_seconds=0.3)) as (_, connect):
        line = await connect()
        line.say(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        assert (await line.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_client_that_could_not_send_was_not_silent() -> None:
    reading = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.6)
        await receive()
        reading.set()
        await answer(send, b"%d" % len(await body_of(receive)))

    async with serving(late, Limits(silent_seconds=1.0)) as (_, connect):
        line = await connect()
        sent = READ_AHEAD + 1
        line.say(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (sent + 3) + b"x" * sent)
        await reading.wait()
        await asyncio.sleep(0.5)
        line.say(b"end")
        assert (await line.hear())[0] == 200


async def test_a_kept_connection_without_requests_is_closed(echo: Echo) -> None:
    async with serving(echo, Limits(idle_seconds=0.3)) as (_, connect):
        line = await connect()
        line.say(b"GET /status/200 HTTP/1.1\r\n\r\n")
        assert await line.hear() == (200, b"x")
        assert await line.rest() == b""


async def test_a_request_that_takes_too_long_is_cancelled(echo: Echo) -> None:
    async with serving(echo, Limits(request_seconds=0.3)) as (_, connect):
        line = await connect()
        line.say(b"GET /slow HTTP/1.1\r\n\r\n")
        answer = await line.rest()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "HTTP504"
    assert echo.cancelled.is_set()


async def test_a_request_whose_client_left_is_cancelled(echo: Echo, line: Line) -> None:
    line.say(b"GET /slow HTTP/1.1\r\n\r\n")
    await echo.began.wait()
    line.writer.close()
    async with asyncio.timeout(5):
        await echo.cancelled.wait()


async def test_a_client_that_does_not_take_its_answer_is_left(echo: Echo) -> None:
    async with serving(echo, Limits(silent_seconds=0.4)) as (server, connect):
        line = await connect()
        line.say(b"GET /large HTTP/1.1\r\n\r\n")
        await line.head()
        async with asyncio.timeout(10):
            # Nothing tells of it but that it is gone.
            while server.connections.open:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_a_client_that_takes_its_answer_slowly_gets_it(echo: Echo) -> None:
    async with serving(echo, Limits(silent_seconds=0.5)) as (_, connect):
        line = await connect()
        line.say(b"GET /large HTTP/1.1\r\n\r\n")
        await line.head()
        taken = 0
        while taken < 12_000_000:
            taken += len(await line.reader.read(600_000))
            await asyncio.sleep(0.005)
    assert taken == 12_000_000


async def test_requests_wait_while_answers_are_not_taken(echo: Echo, line: Line) -> None:
    line.say(b"GET /large HTTP/1.1\r\n\r\n" * 3)
    await line.head()
    await asyncio.sleep(0.2)
    assert len(echo.scopes) == 1
    await line.reader.readexactly(12_000_000)
    for _ in range(2):
        assert await line.hear() == (200, b"x" * 12_000_000)


async def test_an_end_lets_what_was_asked_be_answered(echo: Echo) -> None:
    async with serving(echo, Limits()) as (server, connect):
        line, idle = await connect(), await connect()
        line.say(b"GET /wait HTTP/1.1\r\n\r\n")
        await echo.began.wait()
        ending = asyncio.create_task(server.end(5.0))
        answer = await line.rest()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
        assert await idle.rest() == b""
        await ending


async def test_a_request_on_its_way_when_the_end_comes_is_answered(echo: Echo) -> None:
    async with serving(echo, Limits()) as (server, connect):
        line = await connect()
        line.say(b"GET /status/200 HTTP/1.1\r\n\r\n")
        assert await line.hear() == (200, b"x")
        ending = asyncio.create_task(server.end(5.0))
        await asyncio.sleep(0.1)
        line.say(b"GET /status/200 HTTP/1.1\r\n\r\n")
        assert b"connection: close" in await line.rest()
        await ending


async def test_an_end_waits_no_longer_than_it_may(echo: Echo) -> None:
    async with serving(echo, Limits()) as (server, connect):
        line = await connect()
        line.say(b"GET /slow HTTP/1.1\r\n\r\n")
        await echo.began.wait()
        async with asyncio.timeout(5):
            await server.end(0.2)
        assert echo.cancelled.is_set()


async def test_connections_that_the_kernel_accepted_are_served_at_the_end(echo: Echo) -> None:
    async with serving(echo, Limits()) as (server, connect):
        lines = [await connect() for _ in range(20)]
        for line in lines:
            line.say(b"GET /status/200 HTTP/1.1\r\n\r\n")
        await server.end(5.0)
        assert [(await line.rest())[:12] for line in lines] == [b"HTTP/1.1 200"] * 20


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", "GET /é".encode(), b""])
def test_only_a_request_line_with_other_letters_is_changed(data: bytes) -> None:
    assert in_ascii(data) == data


def test_a_target_without_a_path_gets_one() -> None:
    assert origin_form(b"https://h:1?q") == b"/?q"
    assert origin_form(b"*") == b"*"
