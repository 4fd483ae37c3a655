"""The keys of an identity provider, fetched from its JSON Web Key set and kept while the provider is down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from autorest.auth.keys import KeySet, parse_key_set

logger = logging.getLogger("autorest.auth")

#: Seconds one fetch may take in all, and the bytes it may bring.
FETCH_SECONDS = 5.0
MAXIMUM_BYTES = 1 << 20
#: Seconds after which the keys are fetched again, and at least between two fetches for a key that is not known.
REFRESH_SECONDS = 300.0
UNKNOWN_KEY_SECONDS = 10.0
#: The first and the longest pause between attempts until one succeeds.
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something weaker."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and scheme != req.type:
            raise urllib.error.URLError(f"redirected to {scheme}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch_key_set(url: str) -> KeySet:
    """Fetch and read a key set, in the calling thread; ValueError or OSError when that fails."""
    deadline = time.monotonic() + FETCH_SECONDS
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})
    opener = urllib.request.build_opener(_SameScheme)
    body = bytearray()
    try:
        with opener.open(request, timeout=FETCH_SECONDS) as response:
            while chunk := response.read1(65536):
                body += chunk
                if len(body) > MAXIMUM_BYTES:
                    raise ValueError(f"it is larger than {MAXIMUM_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError("it took too long")
        document = json.loads(body)
    except (HTTPException, RecursionError) as error:
        raise ValueError(f"the answer is not a JSON Web Key set ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise ValueError("the answer is not a JSON object")
    return parse_key_set(document, shared_secrets=False)


class ProviderKeys:
    """The key set behind a URL: fetched at `open`, then every few minutes, kept when a fetch fails.

    `changed` is called after the keys became others. Lives in one event loop; the fetch itself is a thread's.
    """

    def __init__(self, url: str, changed: Callable[[], None]) -> None:
        self.url = url
        self.current: KeySet | None = None
        self._changed = changed
        self._last_attempt = float("-inf")
        self._fetching: asyncio.Task[bool] | None = None
        self._loop: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Fetch the keys once, successfully or not, and go on refreshing them in the background."""
        await self._fetch()
        self._loop = asyncio.create_task(self._keep_fresh())

    async def close(self) -> None:
        """Stop refreshing."""
        for task in (self._loop, self._fetching):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def fetch_for_unknown_key(self) -> bool:
        """Fetch the keys because a token names one that is not among them; True when they were fetched.

        At most one such fetch in UNKNOWN_KEY_SECONDS; whoever asks while one is under way shares it.
        """
        if self._fetching is None and time.monotonic() - self._last_attempt < UNKNOWN_KEY_SECONDS:
            return False
        fetching = self._begun()
        # `close` ends a fetch, and not those who wait for it.
        await asyncio.wait((fetching,))
        return not fetching.cancelled() and fetching.result()

    async def _fetch(self) -> bool:
        return await asyncio.shield(self._begun())

    def _begun(self) -> asyncio.Task[bool]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_once())
        return self._fetching

    async def _fetch_once(self) -> bool:
        self._last_attempt = time.monotonic()
        try:
            fetched = await asyncio.to_thread(fetch_key_set, self.url)
        except (OSError, ValueError) as error:
            logger.warning("the keys at %s could not be fetched: %s", self.url, error)
            return False
        finally:
            self._fetching = None
        for reason in fetched.ignored:
            logger.warning("of the keys at %s one is ignored: %s", self.url, reason)
        if fetched != self.current:
            self.current = fetched
            self._changed()
        return True

    async def _keep_fresh(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while True:
            if self.current is None:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY_SECONDS)
            else:
                await asyncio.sleep(REFRESH_SECONDS)
            await self._fetch()
