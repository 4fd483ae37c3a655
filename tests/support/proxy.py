"""A network that can be cut: a TCP proxy that, when told to, swallows everything without a word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Forwards the loopback's `port` to `target_host`:`target_port`, in a thread of its own.

    After `cut()` nothing is forwarded and nothing is closed, as when a cable is pulled: new connections are accepted
    and never answered. After `mend()` new connections work again; those of before stay silent for ever, unless
    `revive` is true: then what they had to say is delivered late.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.target = (target_host, target_port)
        self.host = "127.0.0.1"
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Swallow everything from now on."""
        self._call(self._cut)

    def mend(self, *, revive: bool = False) -> None:
        """Forward again."""
        self._call(self._mend, revive)

    def _call(self, action: Callable[..., None], *arguments: object) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(action, *arguments)
        self._loop.call_soon_threadsafe(done.set)
        if not done.wait(10):
            raise TimeoutError("the proxy's thread does not answer")

    def _cut(self) -> None:
        self._whole.clear()

    def _mend(self, revive: bool) -> None:
        if not revive:
            # Whoever waits on the old event waits for ever.
            self._whole = asyncio.Event()
        self._whole.set()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._whole = asyncio.Event()
        self._whole.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, self.host, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        for writer in self._open:
            writer.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(asyncio.current_task())
        self._open.add(writer)
        whole = self._whole
        await whole.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        self._open.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._keep(asyncio.create_task(self._pump(source, sink, whole)))

    def _keep(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, whole: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await whole.wait()
                sink.write(data)
                await sink.drain()
        await whole.wait()
        sink.close()
        self._open.discard(sink)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
