"""A domain that is named like a media type makes a handler of what returns it."""

from __future__ import annotations

import pytest

from autorest.catalog.media import media_handler
from autorest.catalog.model import MediaHandler, QualifiedName


def row(media_type: str, target: str | None = "books") -> dict[str, str | None]:
    return {
        "media_type": media_type,
        "schema": "api",
        "name": "aggregate",
        "target_schema": target and "api",
        "target_name": target,
    }


def test_a_handler_is_found_by_its_target_and_media_type() -> None:
    books = QualifiedName("api", "books")
    assert media_handler(row("text/tab-separated-values")) == (
        (books, "text/tab-separated-values"),
        MediaHandler(QualifiedName("api", "aggregate"), books, "text/tab-separated-values"),
    )


def test_a_handler_for_any_relation_has_no_target() -> None:
    found = media_handler(row("image/png", target=None))
    assert found is not None
    assert (found[0], found[1].target) == ((None, "image/png"), None)


@pytest.mark.parametrize(
    ("written", "key", "label"),
    [
        ("*/*", "*/*", "application/octet-stream"),
        ("Text/CSV", "text/csv", "text/csv"),
        ("application/vnd.Shop.v1+JSON", "application/vnd.Shop.v1+JSON", "application/vnd.Shop.v1+JSON"),
        ("application/vnd.pgrst.objects", "application/vnd.pgrst.objects", "application/vnd.pgrst.objects"),
    ],
)
def test_only_the_types_that_are_well_known_are_found_whatever_their_case(written: str, key: str, label: str) -> None:
    found = media_handler(row(written))
    assert found is not None
    assert (found[0][1], found[1].media_type) == (key, label)


@pytest.mark.parametrize(
    "name",
    [
        "text/",
        "/csv",
        "text/csv; header=present",
        "a b/c",
        "*/csv",
        "text/*",
        "te+xt/csv",
        "text/csv\n",
        "application/vnd.pgrst.plan",
        "application/vnd.pgrst.plan+json",
        "application/vnd.pgrst.object",
        "Application/Vnd.Pgrst.Object+Json",
        "application/vnd.pgrst.array",
    ],
)
def test_other_names_make_none(name: str) -> None:
    assert media_handler(row(name)) is None
