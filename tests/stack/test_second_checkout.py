"""Another checkout on the same machine: the stack that runs is not its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.stack.stack import Stack


@pytest.fixture
def second(stack: Stack, tmp_path: Path) -> Path:
    """A copy of the checkout, whose stack has the same name."""
    return Path(shutil.copytree(stack.folder, tmp_path / "second", symlinks=True))


def test_it_does_not_take_the_stack_over(stack: Stack, second: Path) -> None:
    before = stack.containers()
    told = stack.script("setup.py", folder=second, code=1)
    assert str(stack.folder) in told
    assert "Traceback" not in told
    assert stack.containers() == before
    stack.wait_until_well()


@pytest.mark.parametrize("arguments", [(), ("--all",)])
def test_it_does_not_take_the_stack_down(stack: Stack, second: Path, arguments: tuple[str, ...]) -> None:
    before, todo = stack.containers(), stack.add_todo("mine")
    told = stack.script("teardown.py", *arguments, folder=second)
    assert f"python3 {stack.folder / 'teardown.py'}" in told
    assert stack.containers() == before
    assert todo in stack.todos()
    assert not arguments or not list((second / "secrets").glob("*.txt"))


def test_the_same_folder_by_another_name_is_no_other_checkout(stack: Stack, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(stack.folder)
    before = stack.containers()
    stack.script("setup.py", folder=link)
    assert stack.containers() == before
