"""The planner's one door: a request, the catalog and the settings make a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from autorest.catalog.model import Catalog, QualifiedName, Relation, Volatility
from autorest.catalog.suggest import closest
from autorest.errors import refuse
from autorest.plan.call import plan_call
from autorest.plan.model import (
    CallPlan,
    Explain,
    InfoPlan,
    JsonHandler,
    MutatePlan,
    NoBody,
    Plan,
    PlanFilter,
    ReadNode,
    ReadPlan,
    Rendering,
    RootPlan,
    SingleHandler,
)
from autorest.plan.mutate import plan_mutation, returned_columns
from autorest.plan.negotiate import negotiate, rows_rendering
from autorest.plan.read import ReadOptions, condition_columns, legacy_names, plan_tree
from autorest.request.media_types import JSON
from autorest.request.model import Action, ApiRequest, Comparison

#: Above this many relations no near name is looked for.
MOST_SUGGESTIONS = 500


class PlanSettings(Protocol):
    """The settings that planning depends on."""

    @property
    def db_aggregates_enabled(self) -> bool: ...
    @property
    def db_plan_enabled(self) -> bool: ...
    @property
    def url_use_legacy_target_names(self) -> bool: ...


def plan(request: ApiRequest, catalog: Catalog, settings: PlanSettings) -> Plan:
    """Return what `request` means. Raises `Refused` with the PGRST1xx or PGRST2xx code of what is wrong."""
    target = QualifiedName(request.schema, request.target)
    match request.action:
        case Action.READ:
            return _plan_read(request, catalog, settings, _relation(catalog, target))
        case Action.INSERT | Action.UPDATE | Action.UPSERT | Action.DELETE:
            return _plan_mutate(request, catalog, settings, _relation(catalog, target))
        case Action.CALL | Action.CALL_SAFE:
            return _plan_call(request, catalog, settings, target)
        case Action.RELATION_INFO:
            return InfoPlan(_allowed(_relation(catalog, target)))
        case Action.ROUTINE_INFO:
            routine = _plan_call(request, catalog, settings, target).routine
            return InfoPlan("OPTIONS,POST" if routine.volatility is Volatility.VOLATILE else "OPTIONS,GET,HEAD,POST")
        case Action.ROOT_INFO:
            return InfoPlan("OPTIONS,GET,HEAD")
        case Action.ROOT:
            return RootPlan(request.schema)


def _relation(catalog: Catalog, name: QualifiedName) -> Relation:
    found = catalog.relations.get(name)
    if found is not None:
        return found
    candidates = [known.name for known in catalog.relations if known.schema == name.schema]
    near = closest(name.name, candidates, 0.75) if len(candidates) < MOST_SUGGESTIONS else None
    raise refuse(
        "PGRST205",
        f"There is no table or view '{name.schema}.{name.name}' in the schema cache",
        None,
        near and f"Did you mean '{name.schema}.{near}'?",
    )


def _rendering(
    request: ApiRequest, catalog: Catalog, settings: PlanSettings, target: QualifiedName, tree: ReadNode
) -> Rendering:
    whole_rows = not tree.embeds and [column.column.name for column in tree.select] == ["*"]
    rendering = negotiate(catalog, request.accept, target, whole_rows=whole_rows, plan_enabled=settings.db_plan_enabled)
    silent = request.headers_only and request.preconditions is None
    return replace(rendering, handler=NoBody()) if silent else rendering


def _refuse_unknown_preferences(request: ApiRequest) -> None:
    preferences = request.preferences
    if preferences.invalid and preferences.handling == "strict":
        raise refuse(
            "PGRST122",
            "The Prefer header asks for what this server does not know, with handling=strict",
            f"Not understood: {', '.join(preferences.invalid)}",
        )


def _plan_read(request: ApiRequest, catalog: Catalog, settings: PlanSettings, relation: Relation) -> ReadPlan:
    options = ReadOptions(settings.db_aggregates_enabled, settings.url_use_legacy_target_names)
    tree = plan_tree(catalog, relation.name, request.query, options)
    rendering = _rendering(request, catalog, settings, relation.name, tree)
    _refuse_unknown_preferences(request)
    return ReadPlan(
        tree,
        rendering,
        relation.name,
        request.preferences,
        legacy_names(request.query, options),
        by_key=_names_a_key(tree, relation),
    )


def _names_a_key(tree: ReadNode, relation: Relation) -> bool:
    """Whether every column of the primary key must equal a value."""
    equal = {
        condition.column.name
        for condition in tree.where
        if isinstance(condition, PlanFilter) and not condition.negated and not condition.column.path
        if isinstance(condition.test, Comparison) and condition.test.operator == "eq" and not condition.test.quantifier
    }
    return bool(relation.primary_key) and equal.issuperset(relation.primary_key)


def _plan_mutate(request: ApiRequest, catalog: Catalog, settings: PlanSettings, relation: Relation) -> MutatePlan:
    options = ReadOptions(
        settings.db_aggregates_enabled, settings.url_use_legacy_target_names, root=False, source=True, ranged=False
    )
    tree = plan_tree(catalog, relation.name, request.query, options)
    mutation = plan_mutation(catalog, relation, request, tree)
    _refuse_unknown_preferences(request)
    rendering = _rendering(request, catalog, settings, relation.name, tree)
    if request.preferences.representation != "representation":
        rendering = replace(rendering, handler=NoBody())
    return MutatePlan(
        mutation=mutation,
        action=request.action,
        tree=tree,
        rendering=rendering,
        preferences=request.preferences,
        resolution_applies=bool(relation.primary_key) or request.query.on_conflict is not None,
        legacy=legacy_names(request.query, options),
        guard=None if request.preconditions is None else _plan_guard(request, catalog, settings, relation),
    )


def _plan_guard(request: ApiRequest, catalog: Catalog, settings: PlanSettings, relation: Relation) -> ReadPlan:
    """Return what GET on a write's URL means: all rows where it would be one object, JSON where it would explain."""
    read = _plan_read(request, catalog, settings, relation)
    match read.rendering:
        case Rendering(explain=Explain()):
            return replace(read, rendering=Rendering(JsonHandler(), JSON))
        case Rendering(handler=SingleHandler(strip)):
            return replace(read, rendering=rows_rendering(strip_nulls=strip))
    return read


def _plan_call(request: ApiRequest, catalog: Catalog, settings: PlanSettings, name: QualifiedName) -> CallPlan:
    call = plan_call(catalog, name, request)
    routine = call.routine
    relation = QualifiedName(name.schema, routine.returned_relation or name.name)
    options = ReadOptions(settings.db_aggregates_enabled, settings.url_use_legacy_target_names, source=True)
    tree = plan_tree(catalog, relation, request.query, options)
    rendering = _rendering(request, catalog, settings, relation, tree)
    _refuse_unknown_preferences(request)
    preferences = request.preferences
    if preferences.max_affected is not None and preferences.handling == "strict" and routine.returns_single:
        raise refuse(
            "PGRST128",
            "max-affected needs a function that returns rows",
            f"{name.schema}.{name.name} returns a single value; only SETOF and TABLE results can be counted.",
        )
    returning = returned_columns(tree, ())
    if returning and returning != ("*",):
        returning = tuple(sorted({*returning, *condition_columns(tree.where)}))
    return CallPlan(
        routine=routine,
        parameters=call.parameters,
        arguments=call.arguments,
        returning=returning,
        tree=tree,
        rendering=rendering,
        preferences=preferences,
        read_only=request.action is Action.CALL_SAFE or routine.volatility is not Volatility.VOLATILE,
        legacy=legacy_names(request.query, options),
    )


def _allowed(relation: Relation) -> str:
    methods = ["OPTIONS", "GET", "HEAD"]
    if relation.insertable:
        methods.append("POST")
        if relation.updatable and relation.primary_key:
            methods.append("PUT")
    if relation.updatable:
        methods.append("PATCH")
    if relation.deletable:
        methods.append("DELETE")
    return ",".join(methods)
