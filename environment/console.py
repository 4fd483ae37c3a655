"""Steps with their durations, a live display on a terminal, plain lines elsewhere, and questions."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from environment.problem import Problem

_REDRAW_SECONDS = 0.2
_WORTH_ANNOUNCING_SECONDS = 2.0
_INDENT = " " * 14


class Step:
    """One thing that is being done.

    `detail` is printed behind the title when it is finished. `show` replaces the lines below the title while it
    runs; without a terminal each of its `milestones` is printed when it is new, and the title when it takes long.
    """

    def __init__(self, title: str, stream: TextIO, live: bool) -> None:
        self.title = title
        self.detail = ""
        self._stream = stream
        self._live = live
        self._started = time.monotonic()
        self._lines: tuple[str, ...] = ()
        self._drawn = 0
        self._announced = False
        self._finished = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def show(self, lines: Sequence[str], milestones: Sequence[str]) -> None:
        if self._live:
            self._lines = tuple(lines)
            return
        news = [line for line in milestones if line not in self._lines]
        self._lines = tuple(milestones)
        for line in news:
            self._announce()
            print(f"{_INDENT}{line}", file=self._stream, flush=True)

    def flash(self, line: str) -> None:
        """Show a line that is only worth seeing while it passes."""
        if self._live:
            self._lines = (line,)

    def begin(self) -> None:
        self._ticker.start()

    def end(self, mark: str) -> None:
        self._finished.set()
        self._ticker.join()
        self._erase()
        line = f"{_head(mark, f'{self._elapsed:.1f} s')}{self.title}{f': {self.detail}' if self.detail else ''}"
        print(_wrapped(line) if self._live else line, file=self._stream, flush=True)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _tick(self) -> None:
        with suppress(OSError):  # whoever read it has gone; the step itself goes on
            if self._live:
                while not self._finished.is_set():
                    self._draw()
                    self._finished.wait(_REDRAW_SECONDS)
            elif not self._finished.wait(_WORTH_ANNOUNCING_SECONDS):
                self._announce()

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            print(f"{_head('..')}{self.title}", file=self._stream, flush=True)

    def _draw(self) -> None:
        columns, rows = shutil.get_terminal_size()
        self._erase()
        lines = [f"{_head('..', f'{self._elapsed:.0f} s')}{self.title}", *(f"{_INDENT}{line}" for line in self._lines)]
        lines = [line.replace("\t", " ")[: columns - 1] for line in lines[: rows - 1]]
        self._stream.write("\n".join(lines) + "\n")
        self._stream.flush()
        self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            # up, and clear all below: what is typed meanwhile, such as ^C, stands there too
            self._stream.write(f"\r\x1b[{self._drawn}A\x1b[J")
        self._drawn = 0


class Console:
    """Where a script speaks to the person who started it."""

    def __init__(self, ask: bool = True) -> None:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        self._live = sys.stdout.isatty() and _understands_escapes()
        self.interactive = ask and sys.stdin is not None and sys.stdin.isatty()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce a step, and how long it took when it ends; an exception in it marks it as failed."""
        step = Step(title, sys.stdout, self._live)
        step.begin()
        try:
            yield step
        except BaseException:
            step.end("!!")
            raise
        step.end("ok")

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def note(self, text: str) -> None:
        """Say, among the steps, why one of them is not done."""
        line = f"{_head('--')}{text}"
        print(_wrapped(line) if self._live else line, flush=True)

    def ask(self, question: str) -> bool:
        """Return the answer to a yes-or-no question; without somebody to ask, no."""
        if not self.interactive:
            return False
        try:
            return input(f"  ??  {question} [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False

    def report(self, problem: Problem) -> None:
        """Say what is wrong and what to do about it, on standard error."""
        lines = [problem.what]
        if problem.output:
            lines += [f"  | {line}" for line in problem.output.splitlines()]
        if problem.advice:
            lines.append(problem.advice)
        print("\n" + "\n".join(lines), file=sys.stderr, flush=True)


def _head(mark: str, elapsed: str = "") -> str:
    return f"  {mark}{elapsed:>8}  "


def _wrapped(line: str) -> str:
    columns = shutil.get_terminal_size().columns
    return textwrap.fill(
        line,
        max(columns - 1, 2 * len(_INDENT)),
        subsequent_indent=_INDENT,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _understands_escapes() -> bool:
    if os.environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32":
        os.system("")  # switches the console to escape sequences
    return True
