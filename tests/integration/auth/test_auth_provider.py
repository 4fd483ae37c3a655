"""Keys fetched from an identity provider over HTTP, through its absence and its changes."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest

from autorest.auth import jwks as provider_module
from autorest.auth.authenticator import Authenticator
from autorest.auth.jwks import ProviderKeys
from autorest.errors import Refused
from tests.support.ports import free_port
from tests.support.tokens import NOW, OTHER_SECRET, SECRET, Settings, bearer, jwk, private_key, public_jwk

pytestmark = pytest.mark.anyio
AUTHOR = {"role": "author"}


class Provider:
    """An identity provider on the loopback that can be stopped, started again and told what to answer."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/keys"
        self.asked = 0
        self.status = 200
        self.location: str | None = None
        self.body = b""
        self.pause = 0.0
        self.released = threading.Event()
        self.server: ThreadingHTTPServer | None = None

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def start(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                provider.released.wait(provider.pause)
                self.send_response(provider.status)
                if provider.location:
                    self.send_header("Location", provider.location)
                self.send_header("Content-Length", str(len(provider.body)))
                self.end_headers()
                self.wfile.write(provider.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.released.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    made.publish(public_jwk("ES256", 0, kid="first"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every unknown key cause a fetch."""
    monkeypatch.setattr(provider_module, "UNKNOWN_KEY_SECONDS", 0.0)


@asynccontextmanager
async def opened(authenticator: Authenticator) -> AsyncIterator[Authenticator]:
    await authenticator.open()
    try:
        yield authenticator
    finally:
        await authenticator.close()


def token(number: int, kid: str | None = None) -> bytes:
    headers = {"kid": kid} if kid else {}
    return bearer(AUTHOR, private_key("ES256", number), "ES256", **headers)


async def refusal(authenticator: Authenticator, header: bytes) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        await authenticator.authenticate_patiently(header, NOW)
    return caught.value.error.status, caught.value.error.code


async def until(condition: Any) -> None:
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_keys_are_fetched_once_and_used_from_memory(provider: Provider) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        provider.stop()
        for _ in range(3):
            assert authenticator.authenticate(token(0, "first"), NOW).role == "author"
        assert await refusal(authenticator, token(1, "first")) == (401, "PGRST301")
        assert provider.asked == 1


async def test_a_provider_that_is_down_at_the_start(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "FIRST_RETRY_SECONDS", 0.05)
    provider.stop()
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        with pytest.raises(Refused) as caught:
            authenticator.authenticate(token(0), NOW)
        error = caught.value.error
        assert (error.status, error.code, error.headers) == (503, "PGRST300", (("Retry-After", "1"),))
        assert authenticator.authenticate(None, NOW).role == "api_anon"
        provider.start()
        assert authenticator.provider is not None
        await until(lambda: authenticator.provider.current)
        assert authenticator.authenticate(token(0), NOW).role == "author"


@pytest.mark.usefixtures("eager")
async def test_a_new_key_is_fetched_when_a_token_names_it(provider: Provider) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        provider.publish(public_jwk("ES256", 1, kid="second"))
        with pytest.raises(Refused):
            authenticator.authenticate(token(1, "second"), NOW)
        identity = await authenticator.authenticate_patiently(token(1, "second"), NOW)
        assert identity.role == "author"


@pytest.mark.usefixtures("eager")
async def test_a_withdrawn_key_is_forgotten_with_the_tokens_it_signed(provider: Provider) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        assert authenticator.authenticate(token(0, "first"), NOW).role == "author"
        provider.publish(public_jwk("ES256", 1, kid="second"))
        await authenticator.authenticate_patiently(token(1, "second"), NOW)
        assert await refusal(authenticator, token(0, "first")) == (401, "PGRST301")


async def test_unknown_keys_cannot_make_the_gateway_flood_the_provider(provider: Provider) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        for number in range(50):
            assert await refusal(authenticator, token(1, f"made up {number}")) == (401, "PGRST301")
        assert provider.asked == 1


@pytest.mark.usefixtures("eager")
async def test_requests_that_wait_for_the_same_key_share_one_fetch(provider: Provider) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        provider.publish(public_jwk("ES256", 1, kid="second"))
        provider.pause = 0.2
        found = []

        async def ask() -> None:
            found.append((await authenticator.authenticate_patiently(token(1, "second"), NOW)).role)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)
        assert found == ["author"] * 10
        assert provider.asked == 2


async def test_keys_are_refreshed_in_the_background(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = []
    monkeypatch.setattr(provider_module, "REFRESH_SECONDS", 0.02)
    keys = ProviderKeys(provider.url, lambda: changes.append(1))
    await keys.open()
    first = keys.current
    await until(lambda: provider.asked > 3)
    assert keys.current is first and len(changes) == 1
    provider.publish(public_jwk("ES256", 1, kid="second"))
    await until(lambda: len(changes) == 2)
    await keys.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys":[]}'),
        (200, b"\xff"),
        (200, b"[" * 9999),
        (200, b" " * (2 << 20)),
        (200, json.dumps({"keys": [jwk("HS256", SECRET.encode())]}).encode()),
    ],
)
@pytest.mark.usefixtures("eager")
async def test_an_answer_that_holds_no_keys_leaves_the_known_ones(
    provider: Provider, status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        provider.status, provider.body = status, body
        assert await refusal(authenticator, token(1, "second")) == (401, "PGRST301")
        assert provider.asked == 2
        assert authenticator.authenticate(token(0, "first"), NOW).role == "author"
        assert any(provider.url in record.getMessage() for record in caplog.records)


async def test_a_published_secret_is_never_used(provider: Provider) -> None:
    provider.publish(jwk("HS256", SECRET.encode()), public_jwk("ES256"))
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        assert authenticator.authenticate(token(0), NOW).role == "author"
        assert await refusal(authenticator, bearer(AUTHOR, SECRET)) == (401, "PGRST301")


async def test_a_redirect_to_another_scheme_is_not_followed(provider: Provider) -> None:
    provider.status, provider.location = 302, "ftp://127.0.0.1/keys"
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        assert await refusal(authenticator, token(0)) == (503, "PGRST300")


@pytest.mark.usefixtures("eager")
async def test_a_slow_provider_does_not_hold_up_other_requests(provider: Provider) -> None:
    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        provider.pause = 30.0
        async with anyio.create_task_group() as group:
            group.start_soon(refusal, authenticator, token(1, "second"))
            await until(lambda: provider.asked == 2)
            assert authenticator.authenticate(token(0, "first"), NOW).role == "author"
            provider.released.set()


async def test_reconfiguring_follows_the_url(provider: Provider) -> None:
    async with opened(Authenticator(Settings())) as authenticator:
        assert authenticator.provider is None
        await authenticator.reconfigure(Settings(jwt_secret=provider.url))
        kept = authenticator.provider
        assert authenticator.authenticate(token(0), NOW).role == "author"
        await authenticator.reconfigure(Settings(jwt_secret=provider.url, jwt_aud="mine"))
        assert authenticator.provider is kept and provider.asked == 1
        assert authenticator.authenticate(token(0), NOW).role == "author"
        await authenticator.reconfigure(Settings(jwt_secret=OTHER_SECRET))
        assert authenticator.provider is None
        assert await refusal(authenticator, token(0)) == (401, "PGRST301")


@pytest.mark.usefixtures("eager")
async def test_a_request_outlives_the_provider_that_it_waits_for(provider: Provider) -> None:
    found = []

    async def ask() -> None:
        found.append(await refusal(authenticator, token(1, "second")))

    async with opened(Authenticator(Settings(jwt_secret=provider.url))) as authenticator:
        provider.pause = 30.0
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await until(lambda: provider.asked == 2)
            await authenticator.reconfigure(Settings(jwt_secret=OTHER_SECRET))
            provider.released.set()
    assert found == [(401, "PGRST301")]


async def test_our_own_tokens_are_accepted_while_the_provider_is_down(provider: Provider) -> None:
    provider.stop()
    settings = Settings(jwt_secret=provider.url, auth_signing_key=OTHER_SECRET)
    async with opened(Authenticator(settings)) as authenticator:
        assert authenticator.authenticate(bearer(AUTHOR, OTHER_SECRET), NOW).role == "author"
        assert await refusal(authenticator, token(0)) == (503, "PGRST300")
        assert await refusal(authenticator, b"Bearer a.b.c") == (401, "PGRST301")
