"""One place that decides what a test does when this machine lacks what it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import NoReturn, ParamSpec, TypeVar

import pytest

from tests.support.process import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


def forbidden() -> bool:
    """Tell whether every test has to run: AUTOREST_FORBID_SKIPS=1."""
    return os.environ.get("AUTOREST_FORBID_SKIPS") == "1"


def lacking(reason: str) -> NoReturn:
    """Skip the test, or fail it where skips are forbidden."""
    if forbidden():
        pytest.fail(f"skips are forbidden: {reason}")
    pytest.skip(reason)


def available(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `make` makes of the arguments; it is lacking where that is not to be had on this machine."""
    try:
        return make(*args, **kwargs)
    except Unavailable as problem:
        lacking(str(problem))


class NoSkips:
    """A plugin for pytest that makes a failure of every skip, however it came about."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.skipped and not hasattr(report, "wasxfail"):
            _fail(report)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.skipped:
            _fail(report)
        return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    report.outcome = "failed"
    report.longrepr = f"skips are forbidden: {reason}"
