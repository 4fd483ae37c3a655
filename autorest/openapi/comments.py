"""Comments of database objects as the summary and the description of a document."""

from __future__ import annotations


def summary_and_description(comment: str | None) -> tuple[str | None, str | None]:
    """Split a comment into its first line and the rest, without the empty lines between the two."""
    if comment is None:
        return None, None
    summary, _, description = comment.partition("\n")
    return summary, description.lstrip("\n")
