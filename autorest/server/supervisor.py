"""Several workers on one socket: started, watched, restarted, asked together, and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections import deque
from collections.abc import Sequence

import orjson

from autorest.admin import NUMBERS, SIGNAL, Admin
from autorest.metrics import Numbers, added_up
from autorest.server.http import ADMIN_SECONDS, PATIENT, HttpServer
from autorest.server.sockets import Bound, described, is_there, unbindable, unix_path
from autorest.server.worker import GAVE_UP, start_worker
from autorest.settings import Settings
from autorest.signals import ENDING, RELOADING, handle_signals

logger = logging.getLogger("autorest")

#: The pauses before a worker is restarted that did not live long: the first, then doubling up to the last.
FIRST_RESTART, LAST_RESTART = 0.1, 10.0
LONG_LIFE = 10.0
#: How long a worker may take to answer, and to end after its requests have.
ANSWER_SECONDS, LAST_SECONDS = 2.0, 10.0
#: How many questions may wait for a worker's answer.
MOST_QUESTIONS = 20
#: How often the start looks whether requests are accepted.
LOOK_SECONDS = 0.05

Answer = tuple[int, bytes]
NO_ANSWER: Answer = (503, b"")


class Worker:
    """One worker, or the place of one: the process is another after a restart."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        self.numbers = Numbers()
        self.living = False
        self._ending = False
        self._writer: asyncio.StreamWriter | None = None
        self._questions: deque[asyncio.Future[Answer]] = deque()

    async def live(self, settings: Settings, config_file: str | None, main: socket.socket) -> int:
        """Start the process and return its exit status when it has ended. Raises OSError when it cannot be started."""
        self.living = True
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            with theirs:
                self.process = await start_worker(settings, config_file, main, theirs)
            if self._ending:
                self.end()
            self._writer = writer
            listening = asyncio.create_task(self._listen(reader))
            try:
                return await self.process.wait()
            finally:
                listening.cancel()
        finally:
            writer.close()
            self._writer = self.process = None
            self.living = False
            while self._questions:
                self._questions.popleft().cancel()

    def end(self) -> None:
        """Have the process finish and end, also one that is just being started."""
        self._ending = True
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def ask(self, path: str) -> Answer:
        """Return status and body of what the worker answers; 503 when it does not within a moment."""
        if self._writer is None or len(self._questions) >= MOST_QUESTIONS:
            return NO_ANSWER
        question = self._put(self._writer, path)
        await asyncio.wait((question,), timeout=ANSWER_SECONDS)
        return question.result() if question.done() and not question.cancelled() else NO_ANSWER

    def tell(self, name: str) -> None:
        """Have the process do as a signal says, as soon as it can; one that is started later need not be told.

        The signal itself would end a process that is not yet prepared for it.
        """
        if self._writer is not None:
            self._put(self._writer, SIGNAL + name)

    def _put(self, writer: asyncio.StreamWriter, path: str) -> asyncio.Future[Answer]:
        question: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions.append(question)
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        return question

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Give each question its answer; they come in order, also after nobody waits any more."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                answer = int(head.split(b" ", 2)[1]), await reader.readexactly(content_length(head))
                self._questions.popleft().set_result(answer)


def content_length(head: bytes) -> int:
    """Return how long the body after this head is."""
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


class WorkersInsight:
    """What there is to know of all workers together; `past` counts what became of those that have ended."""

    def __init__(self, workers: Sequence[Worker], main: socket.socket) -> None:
        self._workers = workers
        self._path = unix_path(main)
        self.past = Numbers()

    async def is_live(self) -> bool:
        return is_there(self._path) and any(status == 200 for status, _ in await self._ask("/live"))

    async def readiness(self) -> int:
        statuses = [status for status, _ in await self._ask("/ready")]
        return 503 if 503 in statuses else max(statuses)

    async def numbers(self) -> Numbers:
        for worker, (status, body) in zip(self._workers, await self._ask(NUMBERS), strict=True):
            if status == 200:
                worker.numbers = Numbers.of_plain(orjson.loads(body))
        return added_up([self.past, *(worker.numbers for worker in self._workers)])

    async def schema_cache(self) -> bytes:
        return max([body for _, body in await self._ask("/schema_cache")], key=len)

    async def config(self) -> str:
        return next((body for status, body in await self._ask("/config") if status == 200), b"").decode()

    async def _ask(self, path: str) -> list[Answer]:
        return await asyncio.gather(*(worker.ask(path) for worker in self._workers))


class Supervisor:
    """Starts `settings.server_workers` workers on the bound sockets, and restarts those that end.

    `run` returns when a signal ends it or a worker gave up. A signal that reloads is passed on.
    """

    def __init__(self, settings: Settings, config_file: str | None, bound: Bound) -> None:
        self._settings = settings
        self._config_file = config_file
        self._bound = bound
        self._workers = [Worker(number) for number in range(1, settings.server_workers + 1)]
        self._insight = WorkersInsight(self._workers, bound.main)
        self._admin_server = HttpServer(Admin(self._insight), PATIENT)
        self._stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._stopping = False

    async def run(self) -> int:
        """Serve; return the exit status. Raises Unbindable when another program listens at the admin server's place."""
        handle_signals(asyncio.get_running_loop(), self._signalled, *ENDING, *RELOADING)
        if self._bound.admin is not None:
            try:
                await self._admin_server.begin(self._bound.admin)
            except OSError as error:
                raise unbindable(described(self._bound.admin), error) from error
            logger.info("admin server listening on %s", described(self._bound.admin))
        lives = [asyncio.create_task(self._keep_alive(worker)) for worker in self._workers]
        telling = asyncio.create_task(self._tell_when_live())
        status = await self._stop
        telling.cancel()
        await self._end(lives)
        await self._admin_server.end(ADMIN_SECONDS)
        return status

    def _signalled(self, name: str) -> None:
        if name in RELOADING:
            for worker in self._workers:
                worker.tell(name)
        elif self._stopping:
            logger.info("received %s again: stopping at once", name)
            for worker in self._workers:
                worker.send_signal(signal.SIGKILL)
        else:
            logger.info("received %s: finishing the requests in progress", name)
            self._finish(0)

    def _finish(self, status: int) -> None:
        self._stopping = True
        if not self._stop.done():
            self._stop.set_result(status)

    async def _keep_alive(self, worker: Worker) -> None:
        """Restart a worker whenever it ends, until all are to end."""
        failures = 0
        while not self._stopping:
            began = time.monotonic()
            try:
                status = await worker.live(self._settings, self._config_file, self._bound.main)
            except OSError as error:
                logger.error("worker %d cannot be started: %s", worker.number, error)
                status = -1
            self._insight.past = added_up([self._insight.past, worker.numbers.counted()])
            worker.numbers = Numbers()
            if self._stopping:
                return
            if status == GAVE_UP:
                self._finish(1)
                return
            failures = 0 if time.monotonic() - began > LONG_LIFE else failures + 1
            delay = min(FIRST_RESTART * 2 ** max(failures - 1, 0), LAST_RESTART)
            logger.error("worker %d ended with status %d, it is restarted in %.1f s", worker.number, status, delay)
            await asyncio.sleep(delay)

    async def _tell_when_live(self) -> None:
        # Nothing but an answer tells.
        while not await self._insight.is_live():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        logger.info("listening on %s, with %d workers", described(self._bound.main), len(self._workers))

    async def _end(self, lives: Sequence[asyncio.Task[None]]) -> None:
        """Have all workers finish and end, the slow ones by force."""
        # The kernel goes on accepting as long as any process has the socket.
        self._bound.main.close()
        for worker in self._workers:
            worker.end()
        waiting = [task for worker, task in zip(self._workers, lives, strict=True) if worker.living]
        for task in {*lives} - {*waiting}:
            task.cancel()
        if waiting:
            patience = self._settings.server_shutdown_timeout + LAST_SECONDS
            _, slow = await asyncio.wait(waiting, timeout=patience)
            for worker in self._workers if slow else ():
                worker.send_signal(signal.SIGKILL)
            await asyncio.wait(waiting)
