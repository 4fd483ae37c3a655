"""INSERT, UPDATE and DELETE, each returning what the answer is selected from."""

from __future__ import annotations

from autorest.plan.model import Delete, Insert, Mutation, Update
from autorest.sql.body import BODY, body_rows
from autorest.sql.quote import column as quoted_column
from autorest.sql.quote import identifier, qualified
from autorest.sql.writer import Writer

#: Counts the rows of an upsert that were inserted: set in the transaction, read by the answer.
INSERTED = "nullif(current_setting('autorest.inserted', true), '')::int"


def mutation(writer: Writer, plan: Mutation) -> str:
    match plan:
        case Insert():
            return _insert(writer, plan)
        case Update():
            return _update(writer, plan)
        case Delete():
            return _delete(writer, plan)


def _insert(writer: Writer, plan: Insert) -> str:
    names = ", ".join(identifier(column.name) for column in plan.columns)
    listed = f" ({names})" if names else ""
    values = ", ".join(quoted_column(BODY, column.name) for column in plan.columns)
    rows = body_rows(writer, plan.columns, is_object=plan.is_object, defaults=plan.defaults, first=False)
    upsert = plan.resolution == "merge-duplicates"
    conditions = [_count_inserted(1)] if upsert else []
    conditions += [writer.condition(BODY, condition) for condition in plan.where]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    conflict = _on_conflict(plan) if plan.resolution and plan.conflict else ""
    return (
        f"insert into {qualified(plan.relation)}{listed} select {values} from {rows}{where}{conflict}{_returning(plan)}"
    )


def _on_conflict(plan: Insert) -> str:
    target = ", ".join(identifier(name) for name in plan.conflict)
    if plan.resolution == "ignore-duplicates" or not plan.columns:
        return f" on conflict ({target}) do nothing"
    assignments = ", ".join(
        f"{identifier(column.name)} = excluded.{identifier(column.name)}" for column in plan.columns
    )
    return f" on conflict ({target}) do update set {assignments} where {_count_inserted(-1)}"


def _count_inserted(step: int) -> str:
    """A condition that is always true and counts: up for each row to insert, down for each that updates."""
    return f"set_config('autorest.inserted', (coalesce({INSERTED}, 0) + {step})::text, true) is not null"


def _update(writer: Writer, plan: Update) -> str:
    if not plan.columns:
        returned = ", ".join(quoted_column(plan.relation.name, name) for name in plan.returning) or "null"
        return f"select {returned} from {qualified(plan.relation)} where false"
    assignments = ", ".join(
        f"{identifier(column.name)} = {quoted_column(BODY, column.name)}" for column in plan.columns
    )
    rows = body_rows(writer, plan.columns, is_object=plan.is_object, defaults=plan.defaults, first=False)
    where = writer.conditions(plan.relation.name, plan.where)
    return f"update {qualified(plan.relation)} set {assignments} from {rows}{where}{_returning(plan)}"


def _delete(writer: Writer, plan: Delete) -> str:
    where = writer.conditions(plan.relation.name, plan.where)
    return f"delete from {qualified(plan.relation)}{where}{_returning(plan)}"


def _returning(plan: Mutation) -> str:
    return " returning " + (", ".join(quoted_column(plan.relation.name, name) for name in plan.returning) or "1")
