"""What takes long is done beside the event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from autorest import gateway as spine
from autorest.aside import LONG, Aside
from autorest.auth.authenticator import Authenticator
from autorest.bulk import SLICE, Chunks
from autorest.database.pool import Database
from autorest.gateway import Gateway
from autorest.request.media_types import CSV, NDJSON
from autorest.request.model import MediaType
from autorest.request.raw import RawRequest
from autorest.request.request import parse_request
from autorest.request.rows import rows_of
from autorest.settings import Settings
from autorest.snapshot import Snapshot
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.anyio


class Told(Aside):
    """Tells of what it was given to do."""

    def __init__(self) -> None:
        super().__init__(1)
        self.done: list[str] = []

    async def do(self, work: Any, *arguments: Any) -> Any:
        self.done.append(work.__name__)
        return await super().do(work, *arguments)


class Pieces:
    """The rest of a body, piece by piece."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@pytest.fixture
def aside() -> Iterator[Told]:
    told = Told()
    yield told
    told.close()


@pytest.mark.parametrize(("size", "threaded"), [(LONG - 100, False), (LONG + 100, True)])
async def test_large_bodies_are_parsed_in_a_thread(size: int, threaded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def parse(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return parse_request(*arguments)

    monkeypatch.setattr(spine, "parse_request", parse)
    settings = Settings(db_schemas=("api",), db_anon_role="anon")
    gateway = Gateway(cast(Database, None), Authenticator(settings), Snapshot(settings, CATALOG))
    body = b'[{"id": 1}, {"title": "%b"}]' % (b"x" * size)
    response = await gateway.answer(RawRequest("POST", b"/films", b"", [], body))
    gateway.aside.close()
    assert response.error is not None and response.error.code == "PGRST102"
    assert [thread is not threading.main_thread() for thread in threads] == ([True] if threaded else [])


@pytest.mark.parametrize(
    ("of_type", "opening", "unit", "closing"),
    [(CSV, b'id\n"', b'""', b'"\n'), (NDJSON, b'{"id": "', b"xx", b'"}\n')],
    ids=["csv", "ndjson"],
)
@pytest.mark.parametrize("long", [True, False])
async def test_a_long_line_is_read_in_a_thread(
    of_type: MediaType, opening: bytes, unit: bytes, closing: bytes, long: bool, aside: Told
) -> None:
    length = 2 * LONG if long else 100
    line = unit * (length // 2)
    pieces = [opening + line, line + closing] if long else [opening + line + closing, *[opening + closing] * 9]
    body = b"".join(pieces) if of_type is NDJSON or long else opening + line + closing
    cut = [body[start : start + SLICE] for start in range(0, len(body), SLICE)]
    chunks = Chunks(RawRequest("POST", b"/x", b"", [], b"", Pieces(cut)), rows_of(of_type, None), aside)
    chunk = await chunks.next()
    assert chunk is not None and chunk.keys == ("id",)
    assert bool(aside.done) is long
