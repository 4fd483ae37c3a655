"""The tree of a read as one SELECT with lateral joins, and the SELECT that counts its rows."""

from __future__ import annotations

from collections.abc import Sequence

from autorest.plan.model import (
    Embed,
    EmbedFilter,
    OutputColumn,
    PlanCondition,
    PlanLogic,
    ReadNode,
    SpreadColumn,
)
from autorest.sql.binding import LimitPlace, OffsetPlace
from autorest.sql.quote import column as quoted_column
from autorest.sql.quote import identifier, qualified
from autorest.sql.writer import AGGREGATES, Writer, aliased, cast, join_condition


def select_tree(
    writer: Writer, node: ReadNode, *, limited: bool, embed: Embed | None = None, comparable: bool = False
) -> str:
    """Return the SELECT of `node`.

    `limited` says that the server limits every level, so that even a level without a limit of its
    own needs one. `embed` is how the parent sees the node, None at the top. `comparable` asks for
    embeds as jsonb: what comes out is grouped by, which json cannot be, or is seen as text.
    """
    grouped = _is_grouped(node)
    comparable = comparable or grouped
    items = [writer.output(node.alias, column) for column in node.select]
    if not node.select and not node.embeds:
        items = [quoted_column(node.alias, "*")]
    if embed is not None:
        items += [writer.output(table or node.alias, column) for table, column in embed.extra_select]
    joins = ""
    for child in node.embeds:
        items += _embed_items(child, comparable)
    source = _source(node)
    for child in node.embeds:
        joins += _join(writer, child, comparable, limited=limited)
    where = writer.conditions(node.alias, node.where, node.joins)
    groups = _groups(writer, node) if grouped else ""
    order = writer.order(node.alias, node.order)
    limit = _limit(writer, node, limited)
    return f"select {', '.join(items)} from {source}{joins}{where}{groups}{order}{limit}"


def _source(node: ReadNode) -> str:
    if node.computed is not None:
        # the star: without it a column of a sibling that has this name would be meant
        argument = f"({quoted_column(node.computed_argument, '*')})::{qualified(node.computed.origin)}"
        return f"{qualified(node.computed.function)}({argument}) as {identifier(node.alias)}"
    source = qualified(node.relation)
    if node.relation.name != node.alias or not node.relation.schema:
        source += f" as {identifier(node.alias)}"
    if node.junction is not None:
        name, alias = node.junction
        source += f" cross join {qualified(name)} as {identifier(alias)}"
    return source


def _limit(writer: Writer, node: ReadNode, limited: bool) -> str:
    if not node.ranged or (node.path is None and not limited):
        return ""
    return f" limit {writer.bind(LimitPlace(node.path))} offset {writer.bind(OffsetPlace(node.path))}"


def _embed_items(embed: Embed, comparable: bool) -> list[str]:
    join = identifier(embed.join_alias)
    if embed.spread:
        return [_spread_item(embed.join_alias, column) for column in embed.columns]
    if embed.hidden:
        return []
    if embed.to_one:
        value = f"row_to_json({join}.*)" + ("::jsonb" if comparable else "")
    else:
        value = f"coalesce({join}.{join}, '[]')"
    return [aliased(value, embed.name)]


def _spread_item(join_alias: str, column: SpreadColumn) -> str:
    value = quoted_column(join_alias, column.name)
    if column.aggregate is not None:
        value = cast(f"{AGGREGATES[column.aggregate]}({value})", column.aggregate_cast)
    return aliased(value, column.alias if column.name != "*" else None)


def _join(writer: Writer, embed: Embed, comparable: bool, *, limited: bool) -> str:
    nested = select_tree(
        writer, embed.node, limited=limited, embed=embed, comparable=comparable and embed.spread and embed.to_one
    )
    join = identifier(embed.join_alias)
    condition = "true"
    if not embed.to_one:
        whole = f"json_agg({join}){'::jsonb' if comparable else ''} as {join}"
        items = [whole]
        if embed.spread:
            order = writer.order(embed.join_alias, embed.sort)
            items += [_spread_array(embed.join_alias, column, order) for column in embed.columns]
        nested = f"select {', '.join(items)} from ({nested}) as {join}"
        condition = f"{join}.{join} is not null" if embed.inner else "true"
    return f" {'inner' if embed.inner else 'left'} join lateral ({nested}) as {join} on {condition}"


def _spread_array(join_alias: str, column: SpreadColumn, order: str) -> str:
    value = f"coalesce(json_agg({quoted_column(join_alias, column.name)}{order}), '[]')::jsonb"
    return aliased(value, column.alias or column.name)


# --- grouping -----------------------------------------------------------------------------------


def _is_grouped(node: ReadNode) -> bool:
    """Whether an aggregate stands in the select list, so that all that is none must be grouped by."""
    return any(column.aggregate for column in node.select) or any(
        column.aggregate for embed in node.embeds if embed.spread for column in embed.columns
    )


def _groups(writer: Writer, node: ReadNode) -> str:
    """` group by …` the items of the select list that are no aggregates.

    By their places in it: a name could mean a column of the table as well (PostgreSQL, SELECT, GROUP BY). But what is
    represented as json, and as in PostgREST what is shown under its name but not as it is stored, is grouped by
    before it is: json cannot be, and of what is cast rows may come out that look the same.
    """
    if any(column.column.name == "*" and column.aggregate is None for column in node.select):
        return f" group by {quoted_column(node.alias, '*')}"
    terms: list[str | None] = [
        None if column.aggregate is not None else _stored(writer, node.alias, column) or str(place)
        for place, column in enumerate(node.select, 1)
    ]
    for embed in node.embeds:
        if embed.spread:
            terms += [
                str(place) if column.aggregate is None else None
                for place, column in enumerate(embed.columns, len(terms) + 1)
            ]
        elif not embed.hidden:
            terms.append(str(len(terms) + 1))
    grouped = ", ".join(filter(None, terms))
    return f" group by {grouped}" if grouped else ""


def _stored(writer: Writer, table: str, column: OutputColumn) -> str | None:
    reference = column.column
    if reference.converter is not None:
        return writer.reference(table, reference)
    shown_as_stored = column.cast is None and not reference.path
    if shown_as_stored or column.alias not in (None, reference.name):
        return None
    return quoted_column(table, reference.name)


# --- counting -----------------------------------------------------------------------------------


def select_for_count(writer: Writer, node: ReadNode) -> str:
    """Return a SELECT with as many rows as the tree has at the top when nothing limits it.

    Inner embeds and filters on embeds become EXISTS: nothing else of an embed changes the number.
    """
    written = [_count_condition(writer, node, condition) for condition in node.where]
    written += [join_condition(join) for join in node.joins]
    written += [f"exists ({select_for_count(writer, embed.node)})" for embed in node.embeds if embed.inner]
    where = f" where {' and '.join(written)}" if written else ""
    return f"select 1 from {_source(node)}{where}"


def _count_condition(writer: Writer, node: ReadNode, condition: PlanCondition) -> str:
    match condition:
        case PlanLogic(connective, children, negated):
            joined = f" {connective} ".join(_count_condition(writer, node, child) for child in children)
            return f"{'not ' if negated else ''}({joined})"
        case EmbedFilter(join_alias, negated):
            child = _embed_named(node.embeds, join_alias)
            return f"{'' if negated else 'not '}exists ({select_for_count(writer, child.node)})"
        case _:
            return writer.condition(node.alias, condition)


def _embed_named(embeds: Sequence[Embed], join_alias: str) -> Embed:
    return next(embed for embed in embeds if embed.join_alias == join_alias)
