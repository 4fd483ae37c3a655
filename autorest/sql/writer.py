"""The parts of a SELECT as SQL text; every value they need is bound through a `Writer`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autorest.plan.model import (
    ColumnRef,
    EmbedFilter,
    JoinCondition,
    OutputColumn,
    PlanCondition,
    PlanFilter,
    PlanLogic,
    SortKey,
)
from autorest.request.model import Comparison, FullText, InList, IsDistinct, IsTest, JsonStep, Operand
from autorest.sql.binding import (
    Binding,
    Constant,
    ListPlace,
    OperandPlace,
    PatternPlace,
    members,
    pattern,
    text,
)
from autorest.sql.quote import column as quoted_column
from autorest.sql.quote import identifier, qualified, type_name

OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
TEXT_SEARCH = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
IS_TESTS = {"null": "null", "not_null": "not null", "true": "true", "false": "false", "unknown": "unknown"}
DIRECTIONS = {None: "", "asc": " asc", "desc": " desc"}
NULLS = {None: "", "first": " nulls first", "last": " nulls last"}
AGGREGATES = {"sum": "sum", "avg": "avg", "count": "count", "min": "min", "max": "max"}


class Writer:
    """Collects the bindings of one statement while its text is composed."""

    __slots__ = ("bindings",)

    def __init__(self) -> None:
        self.bindings: list[Binding] = []

    def bind(self, binding: Binding) -> str:
        self.bindings.append(binding)
        return f"${len(self.bindings)}"

    def constant(self, value: str) -> str:
        return self.bind(Constant(text(value)))

    def operand(self, operand: Operand) -> str:
        if operand.source is None:
            return self.constant(operand.text)
        return self.bind(OperandPlace(operand.source))

    def pattern(self, operand: Operand) -> str:
        if operand.source is None:
            return self.bind(Constant(pattern(operand.text)))
        return self.bind(PatternPlace(operand.source))

    def items(self, test: InList) -> str:
        if test.source is None:
            return self.bind(Constant(members(test.items)))
        return self.bind(ListPlace(test.source))

    # --- columns --------------------------------------------------------------------------------

    def reference(self, table: str, column: ColumnRef) -> str:
        """`table.column`, its JSON path, and to_tsvector() where text is searched."""
        if column.whole_row:
            return identifier(table)
        plain = quoted_column(table, column.name)
        if column.path:
            plain = (f"to_jsonb({plain})" if column.through_json else plain) + self.json_path(column.path)
        if column.text_search:
            return f"to_tsvector({self._language(column.language)}{plain})"
        return plain

    def json_path(self, path: Sequence[JsonStep]) -> str:
        return "".join(f"{'->>' if step.as_text else '->'}{self._step(step)}" for step in path)

    def _step(self, step: JsonStep) -> str:
        if not step.is_index:
            return self.constant(step.key)
        signed = step.key if step.key.startswith("-") else f"+{step.key}"
        return f"{self.constant(signed)}::int"

    def _language(self, language: str | None) -> str:
        return "" if language is None else f"{self.constant(language)}::regconfig, "

    def output(self, table: str, column: OutputColumn) -> str:
        """One item of a select list, with its casts, aggregate and name."""
        value = self.reference(table, column.column)
        if column.column.converter is not None:
            value = f"{qualified(column.column.converter)}({value})"
        value = cast(value, column.cast)
        if column.aggregate is not None:
            value = cast(f"{AGGREGATES[column.aggregate]}({value})", column.aggregate_cast)
        return aliased(value, column.alias)

    # --- conditions -----------------------------------------------------------------------------

    def conditions(self, table: str, conditions: Iterable[PlanCondition], joins: Iterable[JoinCondition] = ()) -> str:
        """` where …` with all of them, or nothing."""
        written = [self.condition(table, condition) for condition in conditions]
        written += [join_condition(join) for join in joins]
        return f" where {' and '.join(written)}" if written else ""

    def condition(self, table: str, condition: PlanCondition) -> str:
        match condition:
            case PlanFilter():
                return self.filter(table, condition)
            case EmbedFilter(embed, negated):
                return f"{identifier(embed)} is {'' if negated else 'not '}distinct from null"
            case PlanLogic(connective, children, negated):
                joined = f" {connective} ".join(self.condition(table, child) for child in children)
                return f"{'not ' if negated else ''}({joined})"

    def filter(self, table: str, condition: PlanFilter) -> str:
        left = self.reference(table, condition.column)
        written = f"{left} {self._test(condition)}"
        return f"not {written}" if condition.negated else written

    def _test(self, condition: PlanFilter) -> str:
        match condition.test:
            case Comparison(operator, operand, quantifier):
                if operator in ("like", "ilike"):
                    right = self.pattern(operand)
                else:
                    right = converted(self.operand(operand), condition.column)
                return f"{OPERATORS[operator]} {f'{quantifier}({right})' if quantifier else right}"
            case IsTest(value):
                return f"is {IS_TESTS[value]}"
            case IsDistinct(operand):
                return f"is distinct from {self.operand(operand)}"
            case InList() as test:
                items = self.items(test)
                if condition.column.converter is not None:
                    return f"= any (select {qualified(condition.column.converter)}(unnest({items}::text[])))"
                return f"= any ({items})"
            case FullText(operator, operand, language):
                return f"@@ {TEXT_SEARCH[operator]}({self._language(language)}{self.operand(operand)})"

    # --- order ----------------------------------------------------------------------------------

    def order(self, table: str, keys: Sequence[SortKey]) -> str:
        """` order by …`, or nothing."""
        if not keys:
            return ""
        return " order by " + ", ".join(
            self.reference(key.table or table, key.column) + DIRECTIONS[key.direction] + NULLS[key.nulls]
            for key in keys
        )


def cast(value: str, type_: str | None) -> str:
    return value if type_ is None else f"cast({value} as {type_name(type_)})"


def aliased(value: str, alias: str | None) -> str:
    return value if alias is None else f"{value} as {identifier(alias)}"


def converted(value: str, column: ColumnRef) -> str:
    return value if column.converter is None else f"{qualified(column.converter)}({value})"


def join_condition(join: JoinCondition) -> str:
    return f"{quoted_column(join.left_table, join.left_column)} = {quoted_column(join.right_table, join.right_column)}"
