"""Which function a call means, and how its arguments reach it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

import orjson

from autorest.catalog.model import Catalog, Parameter, QualifiedName, Routine
from autorest.catalog.suggest import closest, shown
from autorest.errors import Refused, refuse, sent_as_form
from autorest.plan.model import BodyArguments, DirectArguments, WholeBody
from autorest.request.model import Action, ApiRequest, FormPayload, JsonPayload, Operand

#: Which type the single unnamed parameter must have to take a body of that media type whole.
WHOLE_BODY_TYPES = {
    "application/json": ("json", "jsonb"),
    "text/plain": ("text",),
    "text/xml": ("xml",),
    "application/octet-stream": ("bytea",),
}
#: How many parameters a function has at most (FUNC_MAX_ARGS).
MOST_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class Call:
    """A routine, which of its parameters are given, and where their values come from."""

    routine: Routine
    parameters: tuple[Parameter, ...]
    arguments: DirectArguments | BodyArguments | WholeBody


def plan_call(catalog: Catalog, name: QualifiedName, request: ApiRequest) -> Call:
    """Return the overload of `name` that takes exactly the arguments given.

    Raises PGRST202 when none does, PGRST203 when more than one does.
    """
    given = _given_names(request)
    posted = request.action is Action.CALL
    content = request.content_type.essence
    routine = _choose(catalog, name, given, content, posted)
    if len(routine.parameters) == 1 and not routine.parameters[0].name:
        return Call(routine, routine.parameters, WholeBody(_as_object(request)))
    parameters = tuple(parameter for parameter in routine.parameters if parameter.name in given)
    match request.payload:
        case JsonPayload(is_object=is_object):
            return Call(routine, parameters, BodyArguments(is_object))
        case FormPayload(pairs):
            return Call(routine, parameters, _direct(parameters, [(key, Operand(value)) for key, value in pairs]))
    return Call(routine, parameters, _direct(parameters, request.query.arguments))


def _given_names(request: ApiRequest) -> Collection[str]:
    match request.payload:
        case JsonPayload(keys=keys):
            return keys
        case FormPayload(pairs):
            return frozenset(key for key, _ in pairs)
    return frozenset(key for key, _ in request.query.arguments) if request.action is not Action.CALL else frozenset()


def _as_object(request: ApiRequest) -> bytes | None:
    """Return arguments that are no body, such as those of a GET, as the JSON object that stands for one."""
    match request.payload:
        case FormPayload(pairs):
            return orjson.dumps(dict(pairs))
        case None:
            return b"{}"
    return None


def _direct(parameters: Sequence[Parameter], given: Sequence[tuple[str, Operand]]) -> DirectArguments:
    """Pair parameters with values: a repeated name is an array for a variadic, else the last one counts."""
    by_name: defaultdict[str, list[Operand]] = defaultdict(list)
    for name, value in given:
        by_name[name].append(value)
    values: list[tuple[str, Operand | tuple[Operand, ...]]] = []
    for parameter in parameters:
        own = by_name[parameter.name]
        values.append((parameter.name, tuple(own) if parameter.variadic else own[-1]))
    return DirectArguments(tuple(values))


def _choose(catalog: Catalog, name: QualifiedName, given: Collection[str], content: str, posted: bool) -> Routine:
    overloads = catalog.routines.get(name, ())
    matching = [routine for routine in overloads if _takes(routine, given, content, posted)]
    if not matching and posted:
        whole = WHOLE_BODY_TYPES.get(content, ())
        matching = [
            routine
            for routine in overloads
            if len(routine.parameters) == 1 and not routine.parameters[0].name and routine.parameters[0].type in whole
        ]
    match matching:
        case [routine]:
            return routine
        case []:
            raise _no_function(catalog, name, given, content, posted)
        case _:
            raise _ambiguous(matching)


def _takes(routine: Routine, given: Collection[str], content: str, posted: bool) -> bool:
    if not routine.parameters:
        return not given and not (posted and content in ("application/octet-stream", "text/plain", "text/xml"))
    if len(given) > len(routine.parameters):
        return False
    required = {parameter.name for parameter in routine.parameters if parameter.required}
    optional = {parameter.name for parameter in routine.parameters if not parameter.required}
    return set(given) - optional == required


def _no_function(catalog: Catalog, name: QualifiedName, given: Collection[str], content: str, posted: bool) -> Refused:
    called = f"{name.schema}.{name.name}"
    listed = _listed(given)
    takes_body = posted and content in ("application/octet-stream", "text/plain", "text/xml")
    wanted = f"({listed})" if listed else " without parameters"
    if takes_body:
        kind = WHOLE_BODY_TYPES[content][0]
        details = f"No function {called} has a single unnamed parameter of type {kind}, which this body would go to."
        return refuse("PGRST202", f"There is no function {called} that takes this body in the schema cache", details)
    details = f"No function {called} " + (
        f"takes exactly the parameters {wanted}" if listed else "can be called without any"
    )
    if posted and content == "application/json":
        details += ", and none has a single unnamed parameter of type json or jsonb"
    return refuse(
        "PGRST202",
        f"There is no function {called}{wanted} in the schema cache",
        f"{details}.",
        _suggestion(catalog, name, given),
    )


def _listed(given: Collection[str]) -> str:
    """Return names for an error: all of them, unless they are more than any function takes."""
    if len(given) <= MOST_PARAMETERS:
        return ", ".join(map(shown, sorted(given)))
    return ", ".join([*map(shown, islice(given, MOST_PARAMETERS)), "…"])


def _suggestion(catalog: Catalog, name: QualifiedName, given: Collection[str]) -> str | None:
    few = len(given) <= MOST_PARAMETERS
    if few and (hint := sent_as_form(given)):
        return hint
    overloads = catalog.routines.get(name, ())
    if not overloads:
        names = [known.name for known in catalog.routines if known.schema == name.schema]
        near = closest(name.name, names, 0.75)
        return near and f"Did you mean the function {name.schema}.{near}?"
    if not few:
        return None
    parameters = [sorted(parameter.name for parameter in one.parameters) for one in overloads]
    most = max(len(set(names).intersection(given)) for names in parameters)
    signatures = [", ".join(names) for names in parameters if len(set(names).intersection(given)) == most]
    near = closest(_listed(given), signatures, 0.0 if most else 0.5)
    return None if near is None else f"Did you mean {name.schema}.{name.name}({near})?"


def _ambiguous(routines: Sequence[Routine]) -> Refused:
    signatures = ", ".join(
        f"{one.name.schema}.{one.name.name}({', '.join(f'{p.name} => {p.type}' for p in one.parameters)})"
        for one in routines
    )
    return refuse(
        "PGRST203",
        f"More than one function takes these arguments: {signatures}",
        None,
        "Give the overloads parameters of different names, or the functions different names.",
    )
