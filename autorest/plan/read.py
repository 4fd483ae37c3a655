"""The tree of SELECTs that a read means: embeds joined, filters placed, aggregates hoisted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from autorest.catalog.model import Catalog, ComputedRelationship, QualifiedName, Relationship
from autorest.errors import Error, Refused, refuse
from autorest.plan.columns import Resolver, named, with_embed_filters
from autorest.plan.model import (
    SOURCE,
    ColumnRef,
    Embed,
    JoinCondition,
    OutputColumn,
    PlanCondition,
    ReadNode,
    SortKey,
    SpreadColumn,
)
from autorest.plan.relationships import find_relationship
from autorest.request.model import (
    Condition,
    EmbedPath,
    OrderTerm,
    Query,
    SelectField,
    SelectItem,
    SelectRelation,
)

#: How long a name of ours may be: PostgreSQL cuts identifiers after 63 bytes, and a number may follow.
MOST_BYTES = 57


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the settings say about reads.

    aggregates     whether aggregate functions may be asked for
    legacy_names   whether an embed with an alias may be addressed by its relation's name, too
    root           what of the query applies to the top: everything (a read, a call) or nothing of
                   it (a write, whose filters chose the rows that were written)
    source         the rows come from the write or the call, not from the relation
    ranged         limits and offsets apply
    """

    aggregates: bool
    legacy_names: bool
    root: bool = True
    source: bool = False
    ranged: bool = True


def plan_tree(catalog: Catalog, relation: QualifiedName, query: Query, options: ReadOptions) -> ReadNode:
    """Return the tree for `query` on `relation`.

    Raises PGRST108 for a filter, order or limit on what is not embedded, PGRST118 for an order by a
    to-many embed, PGRST123 and PGRST127 for aggregates that are off or impossible, PGRST200 and PGRST201,
    and, as PostgreSQL would for two tables of one name, 42712 for two embeds of one name side by side.
    """
    aimed = _Aimed.of(query, options)
    planned = _Planner(catalog, options, aimed).root(relation, query.select)
    _check_names(_Branches(query.select))
    return planned


def _check_names(branches: _Branches) -> None:
    names: set[str] = set()
    for branch in branches.all:
        own = branch.item.alias or branch.item.name
        if own in names:
            hint = "Give one of the two an alias; write a foreign key's name where both are spread."
            raise Refused(Error(400, "42712", f"'{own}' is embedded twice side by side", None, hint))
        names.add(own)
        _check_names(branch.inside)


@dataclass(frozen=True)
class _Branch:
    """An embed of the select, and where filters address it."""

    item: SelectRelation
    index: int

    @cached_property
    def inside(self) -> _Branches:
        """The embeds in it."""
        return _Branches(self.item.children)


class _Branches:
    """The embeds of a select by the names they are addressed by: of several with one name the first counts."""

    def __init__(self, select: Iterable[SelectItem]) -> None:
        relations = (item for item in select if isinstance(item, SelectRelation))
        self.all = [_Branch(item, index) for index, item in enumerate(relations)]
        self._own: dict[str, _Branch] = {}
        self._any: dict[str, _Branch] = {}
        for branch in self.all:
            own = branch.item.alias or branch.item.name
            self._own.setdefault(own, branch)
            self._any.setdefault(own, branch)
            self._any.setdefault(branch.item.name, branch)

    def named(self, name: str, *, legacy: bool) -> _Branch | None:
        """Return the embed of a name, which with `legacy` may be its relation's in spite of an alias."""
        return (self._any if legacy else self._own).get(name)


@dataclass(frozen=True, slots=True)
class _Aimed:
    """Filters, orders and ranges by the position of the node they apply to.

    A position is the path of indexes among the embeds of the select: names may repeat, positions do not.
    `range_paths` says under which path of the request a node's limit and offset stand.
    """

    conditions: Mapping[tuple[int, ...], list[Condition]]
    orders: Mapping[tuple[int, ...], tuple[OrderTerm, ...]]
    range_paths: Mapping[tuple[int, ...], EmbedPath]

    @classmethod
    def of(cls, query: Query, options: ReadOptions) -> _Aimed:
        conditions: dict[tuple[int, ...], list[Condition]] = {}
        orders: dict[tuple[int, ...], tuple[OrderTerm, ...]] = {}
        range_paths: dict[tuple[int, ...], EmbedPath] = {}
        given: tuple[tuple[EmbedPath, Condition], ...] = (*query.logic, *query.filters)
        branches = _Branches(query.select)
        for path, condition in given:
            if path or options.root:
                conditions.setdefault(_position(branches, path, options.legacy_names), []).append(condition)
        for path, terms in query.order:
            orders.setdefault(_position(branches, path, options.legacy_names), terms)
        if options.ranged:
            for path, _ in query.ranges:
                range_paths[_position(branches, path, options.legacy_names)] = path
        return cls(conditions, orders, range_paths)


def _position(branches: _Branches, path: EmbedPath, legacy: bool) -> tuple[int, ...]:
    position: tuple[int, ...] = ()
    for name in path:
        branch = branches.named(name, legacy=legacy)
        if branch is None:
            renamed = None if legacy else branches.named(name, legacy=True)
            raise _not_embedded(name, renamed.item.alias if renamed else None)
        position = (*position, branch.index)
        branches = branch.inside
    return position


def legacy_names(query: Query, options: ReadOptions) -> tuple[tuple[str, str], ...]:
    """Return (relation, alias) of the embeds that have an alias but are addressed by their relation's name."""
    if not options.legacy_names:
        return ()
    used: dict[tuple[str, str], None] = {}
    addressed = (*query.filters, *query.logic, *query.order, *(query.ranges if options.ranged else ()))
    top = _Branches(query.select)
    for path, _ in addressed:
        branches = top
        for name in path:
            branch = branches.named(name, legacy=True)
            if branch is None:
                break
            alias = branch.item.alias
            if alias is not None and name != alias:
                used[branch.item.name, alias] = None
            branches = branch.inside
    return tuple(used)


@dataclass(frozen=True, slots=True)
class _Planner:
    catalog: Catalog
    options: ReadOptions
    aimed: _Aimed

    def root(self, relation: QualifiedName, select: tuple[SelectItem, ...]) -> ReadNode:
        node = ReadNode(
            relation=QualifiedName("", SOURCE) if self.options.source else relation,
            alias=relation.name,
        )
        taken = frozenset((relation.name,))
        tree = self._fill(node, relation, relation.name, select, (), taken, aggregated=False, spread=None)[0]
        if not self.options.aggregates and _aggregates(select):
            raise refuse(
                "PGRST123",
                "Aggregate functions are switched off on this server",
                None,
                "The setting db-aggregates-enabled allows them.",
            )
        _refuse_aggregates_in_arrays(tree)
        return tree

    def _fill(
        self,
        node: ReadNode,
        relation: QualifiedName,
        called: str,
        select: tuple[SelectItem, ...],
        position: tuple[int, ...],
        taken: frozenset[str],
        *,
        aggregated: bool,
        spread: str | None,
    ) -> tuple[ReadNode, dict[str, SpreadColumn]]:
        """Complete `node`; return it and the aggregates its parent must apply in its place.

        `called` is what the request calls the relation. Where it is not its name, but that of a function, a column or
        a constraint, the fields it names are taken as they are: PostgREST knows their types, and with them their
        representations, only by the relation's name. `spread` is `one` or `many` for the node of a spread embed, None
        otherwise.
        """
        resolver = Resolver(self.catalog, relation)
        by_name = Resolver(self.catalog, QualifiedName(relation.schema, called))
        fields = [item for item in select if isinstance(item, SelectField)]
        aggregated = aggregated or any(field.aggregate for field in fields) or spread == "many"
        planned: list[tuple[Embed, dict[str, SpreadColumn]]] = []
        for branch in _Branches(select).all:
            planned.append(self._embed(node, relation, branch.item, (*position, branch.index), taken, aggregated))
            taken |= {planned[-1][0].join_alias}
        embeds = {embed.name: embed for embed, _ in reversed(planned)}
        joins = {name: embed.join_alias for name, embed in embeds.items()}
        conditions = tuple(
            with_embed_filters(by_name.condition(condition), joins)
            for condition in self.aimed.conditions.get(position, ())
        )
        order = tuple(self._sort_key(term, relation, resolver, embeds) for term in self.aimed.orders.get(position, ()))
        aggregated = aggregated or any(risen for _, risen in planned)
        columns = tuple(
            named(column, spread=spread is not None)
            for field in fields
            for column in self._expanded(by_name.select(field), resolver, aggregated, spread is not None)
        )
        hoisted: dict[str, SpreadColumn] = {}
        if spread == "one":
            columns, hoisted = _without_aggregates(columns)
        final_embeds: list[Embed] = []
        for embed, risen in planned:
            if not risen:
                final_embeds.append(embed)
            elif spread == "one":
                hoisted |= risen
                final_embeds.append(embed)
            else:
                final_embeds.append(replace(embed, columns=tuple(risen.get(c.name, c) for c in embed.columns)))
        return (
            replace(
                node,
                path=self.aimed.range_paths.get(position) if position else (),
                ranged=self.options.ranged,
                select=columns,
                embeds=tuple(final_embeds),
                where=conditions,
                order=order,
            ),
            hoisted,
        )

    def _expanded(
        self, column: OutputColumn, resolver: Resolver, aggregated: bool, spread: bool
    ) -> tuple[OutputColumn, ...]:
        """Write `*` out as columns where something must be done to each of them."""
        if column.column.name != "*" or column.column.path:
            return (column,)
        if column.aggregate is None and (aggregated or resolver.has_output_representation):
            return tuple(replace(column, column=each) for each in resolver.star())
        if column.aggregate == "count" and spread:
            return (replace(column, column=column.column._replace(whole_row=True)),)
        return (column,)

    def _sort_key(
        self, term: OrderTerm, relation: QualifiedName, resolver: Resolver, embeds: Mapping[str, Embed]
    ) -> SortKey:
        if term.relation is None:
            return resolver.order(term)
        embed = embeds.get(term.relation)
        if embed is None:
            raise _not_embedded(term.relation, None)
        if not embed.to_one:
            raise refuse(
                "PGRST118",
                f"Rows cannot be ordered by '{term.relation}'",
                f"'{relation.name}' and '{term.relation}' are not in a many-to-one or one-to-one relationship,"
                " so there is no single value to order by.",
            )
        column = ColumnRef(term.field.name, term.field.path, through_json=True)
        return SortKey(column, term.direction, term.nulls, embed.join_alias)

    def _embed(
        self,
        parent: ReadNode,
        parent_relation: QualifiedName,
        item: SelectRelation,
        position: tuple[int, ...],
        taken: frozenset[str],
        aggregated: bool,
    ) -> tuple[Embed, dict[str, SpreadColumn]]:
        relationship = find_relationship(self.catalog, parent_relation, item.name, item.hint)
        depth = len(position)
        through_junction = isinstance(relationship, Relationship) and relationship.junction is not None
        alias = _unused(relationship.target.name if through_junction else f"{relationship.target.name}_{depth}", taken)
        own = item.alias or item.name
        join_alias = _unused(f"{relationship.origin.name}_{own}_{depth}", taken | {alias})
        node = ReadNode(relation=relationship.target, alias=alias)
        if isinstance(relationship, ComputedRelationship):
            node = replace(node, computed=relationship, computed_argument=parent.alias)
        else:
            node = _joined(node, relationship, parent.alias, taken | {alias, join_alias})
        taken = taken | {alias, join_alias} | ({node.junction[1]} if node.junction else set())
        spread = None if not item.spread else "one" if relationship.to_one else "many"
        node, hoisted = self._fill(
            node, relationship.target, item.name, item.children, position, taken, aggregated=aggregated, spread=spread
        )
        embed = Embed(
            node=node,
            name=own,
            join_alias=join_alias,
            to_one=relationship.to_one,
            inner=item.join == "inner",
            spread=item.spread,
            hidden=_hidden(item),
            columns=_spread_columns(node) if item.spread else (),
            relationship=relationship,
        )
        return (_sorted_inside(embed) if spread == "many" else embed), hoisted


def _unused(name: str, taken: frozenset[str]) -> str:
    """Return `name`, changed so that it is none of `taken` and fits into an identifier (NAMEDATALEN).

    Of names that are taken, numbers follow each other: the first free one is looked for by halves.
    """
    short = name.encode()[:MOST_BYTES].decode("utf-8", "ignore")
    if short not in taken:
        return short
    taken_number, free = 1, 2
    while f"{short}_{free}" in taken:
        taken_number, free = free, free * 2
    while free - taken_number > 1:
        between = (taken_number + free) // 2
        if f"{short}_{between}" in taken:
            taken_number = between
        else:
            free = between
    return f"{short}_{free}"


def _joined(node: ReadNode, relationship: Relationship, parent_alias: str, taken: frozenset[str]) -> ReadNode:
    junction = relationship.junction
    if junction is None:
        return replace(
            node,
            joins=tuple(
                JoinCondition(node.alias, target, parent_alias, origin) for origin, target in relationship.columns
            ),
        )
    middle = _unused(f"{junction.name.name}_junction", taken)
    return replace(
        node,
        junction=(junction.name, middle),
        joins=tuple(
            [JoinCondition(middle, through, node.alias, column) for column, through in junction.target_columns]
            + [JoinCondition(middle, through, parent_alias, column) for column, through in junction.origin_columns]
        ),
    )


def _hidden(item: SelectRelation) -> bool:
    """Whether nothing of an embed is shown: it and all embeds in it have an empty select."""
    return all(isinstance(child, SelectRelation) and _hidden(child) for child in item.children)


def _spread_columns(node: ReadNode) -> tuple[SpreadColumn, ...]:
    columns = [SpreadColumn(column.alias or column.column.name) for column in node.select]
    for embed in node.embeds:
        if embed.spread:
            columns += [SpreadColumn(column.alias or column.name) for column in embed.columns]
        elif not embed.hidden:
            columns.append(SpreadColumn(embed.name))
    return tuple(columns)


def _without_aggregates(
    columns: tuple[OutputColumn, ...],
) -> tuple[tuple[OutputColumn, ...], dict[str, SpreadColumn]]:
    """Leave a to-one spread its bare columns; the aggregates over them are its parent's to apply."""
    kept: list[OutputColumn] = []
    hoisted: dict[str, SpreadColumn] = {}
    for column in columns:
        if column.aggregate is None:
            kept.append(column)
            continue
        name = column.alias or column.column.name
        kept.append(OutputColumn(column.column, column.alias, column.cast))
        hoisted[name] = SpreadColumn(name, column.alias, column.aggregate, column.aggregate_cast)
    return tuple(kept), hoisted


def _aggregates(select: Iterable[SelectItem]) -> bool:
    return any(item.aggregate if isinstance(item, SelectField) else _aggregates(item.children) for item in select)


def _refuse_aggregates_in_arrays(node: ReadNode) -> None:
    for embed in node.embeds:
        aggregates = [column.aggregate for column in embed.node.select]
        aggregates += [column.aggregate for child in embed.node.embeds for column in child.columns]
        if embed.spread and not embed.to_one and any(aggregates):
            raise refuse(
                "PGRST127",
                "This is not implemented",
                "Aggregate functions cannot be used inside a spread of a to-many relationship.",
            )
        _refuse_aggregates_in_arrays(embed.node)


def _sorted_inside(embed: Embed) -> Embed:
    """Move the order of a to-many spread into its arrays: each is ordered by columns selected for that."""
    extra: list[tuple[str | None, OutputColumn]] = []
    keys: list[SortKey] = []
    for index, key in enumerate(embed.node.order, 1):
        name = f"{embed.join_alias}_{key.column.name}_{index}"
        extra.append((key.table, OutputColumn(key.column, name)))
        keys.append(SortKey(ColumnRef(name), key.direction, key.nulls))
    return replace(embed, node=replace(embed.node, order=()), extra_select=tuple(extra), sort=tuple(keys))


def _not_embedded(name: str, alias: str | None) -> Refused:
    if alias is not None:
        return refuse(
            "PGRST108",
            f"'{name}' is not an embed of this request",
            "An embed that has an alias is addressed by it in filters, orders and limits.",
            f"Write '{alias}' where you wrote '{name}'.",
        )
    return refuse(
        "PGRST108",
        f"'{name}' is not an embed of this request",
        None,
        f"Embed '{name}' in the select parameter, or leave out the filter, order or limit on it.",
    )


def condition_columns(conditions: Iterable[PlanCondition]) -> set[str]:
    """Return the names of the columns that conditions look at."""
    names: set[str] = set()
    for condition in conditions:
        children = getattr(condition, "children", None)
        if children is not None:
            names |= condition_columns(children)
        elif (column := getattr(condition, "column", None)) is not None:
            names.add(column.name)
        else:
            names.add(getattr(condition, "embed", ""))
    return names
