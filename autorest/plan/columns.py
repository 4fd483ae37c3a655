"""Resolving the fields of a request against a relation's columns and their representations."""

from __future__ import annotations

from dataclasses import dataclass

from autorest.catalog.model import Catalog, Column, QualifiedName, Relation
from autorest.plan.model import (
    ColumnRef,
    EmbedFilter,
    OutputColumn,
    PlanCondition,
    PlanFilter,
    PlanLogic,
    SortKey,
)
from autorest.request.model import Condition, Field, Filter, FullText, Logic, OrderTerm, SelectField

JSON_TYPES = frozenset(("json", "jsonb"))


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves fields of one relation; one the catalog does not know resolves to itself, untyped."""

    catalog: Catalog
    relation: QualifiedName

    @property
    def known(self) -> Relation | None:
        return self.catalog.relations.get(self.relation)

    def column(self, name: str) -> Column | None:
        relation = self.known
        return relation.columns.get(name) if relation else None

    def field(self, field: Field) -> ColumnRef:
        found = self.column(field.name)
        if found is None:
            return ColumnRef(field.name, field.path, through_json=True)
        return ColumnRef(
            field.name,
            field.path,
            found.nominal_type,
            through_json=found.nominal_type not in JSON_TYPES,
            default=found.default,
        )

    def converter(self, source: str, target: str) -> QualifiedName | None:
        return self.catalog.representations.get((source, target))

    def output(self, field: Field) -> ColumnRef:
        """Resolve what is selected: through the representation to JSON where its type has one."""
        column = self.field(field)
        return column._replace(converter=self.converter(column.type, "json"))

    def written(self, column: Column) -> ColumnRef:
        """Resolve a column that the body writes: through the representation from JSON."""
        converter = self.converter("json", column.nominal_type)
        return ColumnRef(
            column.name,
            type="json" if converter else column.nominal_type,
            converter=converter,
            default=column.default,
        )

    def operand(self, field: Field, test: object) -> ColumnRef:
        """Resolve the left side of a filter: the right side goes through the representation from text."""
        column = self.field(field)
        column = column._replace(converter=self.converter("text", column.type))
        if isinstance(test, FullText):
            found = self.column(field.name)
            if found is not None and found.type != "tsvector":
                column = column._replace(text_search=True, language=test.language)
        return column

    def condition(self, condition: Condition) -> PlanCondition:
        match condition:
            case Filter(field, test, negated):
                return PlanFilter(self.operand(field, test), test, negated)
            case Logic(connective, children, negated):
                return PlanLogic(connective, tuple(self.condition(child) for child in children), negated)

    def order(self, term: OrderTerm) -> SortKey:
        return SortKey(self.field(term.field), term.direction, term.nulls)

    @property
    def has_output_representation(self) -> bool:
        relation = self.known
        return relation is not None and any(
            (column.nominal_type, "json") in self.catalog.representations for column in relation.columns.values()
        )

    def star(self) -> tuple[ColumnRef, ...]:
        """Every column of the relation as it is selected, in its order."""
        relation = self.known
        return tuple(self.output(Field(name)) for name in relation.columns) if relation else ()

    def select(self, item: SelectField) -> OutputColumn:
        return OutputColumn(self.output(item.field), item.alias, item.cast, item.aggregate, item.aggregate_cast)


def named(column: OutputColumn, *, spread: bool) -> OutputColumn:
    """Give a name to a column whose own would be lost.

    A JSON path is named by its last key (`data->1->2` by the last key before the index, or the
    column), a represented column by itself, an aggregate inside a spread by the aggregate.
    """
    if column.alias is not None:
        return column
    if column.aggregate is not None:
        return _with_alias(column, column.aggregate) if spread else column
    if column.column.path:
        keys = [step.key for step in column.column.path if not step.is_index]
        last = column.column.path[-1]
        return _with_alias(column, last.key if not last.is_index else keys[-1] if keys else column.column.name)
    if column.column.converter is not None:
        return _with_alias(column, column.column.name)
    return column


def _with_alias(column: OutputColumn, alias: str) -> OutputColumn:
    return OutputColumn(column.column, alias, column.cast, column.aggregate, column.aggregate_cast)


def with_embed_filters(condition: PlanCondition, embeds: dict[str, str]) -> PlanCondition:
    """Turn `embed=is.null` into a filter on the embed of that name; `embeds` maps names to join aliases."""
    match condition:
        case PlanLogic(connective, children, negated):
            return PlanLogic(connective, tuple(with_embed_filters(child, embeds) for child in children), negated)
        case PlanFilter(column, test, negated):
            if not column.path and column.name in embeds and getattr(test, "value", None) == "null":
                return EmbedFilter(embeds[column.name], negated)
    return condition
