"""What an insert, update, upsert or delete means: its columns, conditions and what comes back."""

from __future__ import annotations

from collections.abc import Iterable

from autorest.catalog.model import Catalog, ComputedRelationship, Relation
from autorest.catalog.suggest import closest, shown
from autorest.errors import refuse, sent_as_form
from autorest.plan.columns import Resolver
from autorest.plan.model import ColumnRef, Delete, Insert, Mutation, PlanCondition, ReadNode, Update
from autorest.request.model import Action, ApiRequest, Comparison, Condition, EmbedPath, JsonPayload


def plan_mutation(catalog: Catalog, relation: Relation, request: ApiRequest, tree: ReadNode) -> Mutation:
    """Return the mutation of `request` on `relation`.

    Raises PGRST204 for a column that is not there and PGRST105 for a PUT whose filters are not
    exactly the primary key with `eq`.
    """
    resolver = Resolver(catalog, relation.name)
    conditions: tuple[tuple[EmbedPath, Condition], ...] = (*request.query.logic, *request.query.filters)
    where = tuple(resolver.condition(condition) for path, condition in conditions if not path)
    wanted = request.preferences.representation in ("representation", "headers-only")
    returning = returned_columns(tree, relation.primary_key) if wanted else ()
    if request.action is Action.DELETE:
        return Delete(relation.name, where, returning)
    payload = request.payload
    assert isinstance(payload, JsonPayload)
    if request.action is Action.UPSERT:
        _check_put(relation, request)
    columns = tuple(_written(resolver, relation, name) for name in payload.keys)
    defaults = request.preferences.missing == "default"
    match request.action:
        case Action.UPDATE:
            return Update(relation.name, columns, payload.is_object, where, returning, defaults)
        case Action.UPSERT:
            return _insert(relation, columns, payload, where, returning, "merge-duplicates", relation.primary_key)
    conflict = request.query.on_conflict if request.query.on_conflict is not None else relation.primary_key
    resolution = request.preferences.resolution
    return _insert(relation, columns, payload, (), returning, resolution, conflict if resolution else (), defaults)


def _insert(
    relation: Relation,
    columns: tuple[ColumnRef, ...],
    payload: JsonPayload,
    where: tuple[PlanCondition, ...],
    returning: tuple[str, ...],
    resolution: str | None,
    conflict: tuple[str, ...],
    defaults: bool = False,
) -> Insert:
    return Insert(
        relation=relation.name,
        columns=columns,
        is_object=payload.is_object,
        resolution=resolution,
        conflict=conflict,
        where=where,
        returning=returning,
        primary_key=relation.primary_key,
        defaults=defaults,
    )


def _written(resolver: Resolver, relation: Relation, name: str) -> ColumnRef:
    column = relation.columns.get(name)
    if column is None:
        near = closest(shown(name), relation.columns, 0.5)
        raise refuse(
            "PGRST204",
            f"'{relation.name.name}' has no column '{shown(name)}' in the schema cache",
            None,
            f"Did you mean '{near}'?" if near else sent_as_form((name,)),
        )
    return resolver.written(column)


def _check_put(relation: Relation, request: ApiRequest) -> None:
    exact = all(
        not path
        and not condition.negated
        and not condition.field.path
        and isinstance(condition.test, Comparison)
        and condition.test.operator == "eq"
        and condition.test.quantifier is None
        for path, condition in request.query.filters
        if not path
    )
    named = request.query.filter_names
    if request.query.logic or not exact or not relation.primary_key or named != set(relation.primary_key):
        key = " and ".join(f"'{name}=eq.…'" for name in relation.primary_key)
        raise refuse(
            "PGRST105",
            "PUT must name exactly one row, by its whole primary key with the operator eq and nothing else",
            None,
            f"Filter with {key}." if key else f"'{relation.name.name}' has no primary key: use POST or PATCH.",
        )


def returned_columns(tree: ReadNode, always: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that a write or call must give for `tree` to be selected from them.

    They are those selected, those that join the embeds, and `always`; `*` when they cannot be told.
    """
    names = {column.column.name for column in tree.select}
    relationships = [embed.relationship for embed in tree.embeds]
    if "*" in names or any(isinstance(one, ComputedRelationship) for one in relationships):
        return ("*",)
    for relationship in relationships:
        if relationship is None or isinstance(relationship, ComputedRelationship):
            continue
        pairs = relationship.junction.origin_columns if relationship.junction else relationship.columns
        names.update(column for column, _ in pairs)
    return tuple(sorted(names.union(always)))
