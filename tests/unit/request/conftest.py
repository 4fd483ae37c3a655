"""What tests of the grammar share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autorest.errors import Error, Refused

#: Any: an error's details and hint are None or not, and a test says which by what it asserts.
Refusal = Callable[..., Any]


@pytest.fixture
def refusal() -> Refusal:
    """Call a function that must refuse, and return the error it refuses with."""

    def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Error:
        with pytest.raises(Refused) as caught:
            function(*arguments, **options)
        assert caught.value.error.message
        return caught.value.error

    return call
