"""A function call as a SELECT of what it returns."""

from __future__ import annotations

from autorest.catalog.model import Parameter
from autorest.plan.model import BodyArguments, CallPlan, ColumnRef, DirectArguments, WholeBody
from autorest.request.model import Operand
from autorest.sql.binding import ArrayPlace, BodyPlace, Constant, Values, array
from autorest.sql.body import BODY, body_rows
from autorest.sql.quote import column as quoted_column
from autorest.sql.quote import identifier, qualified
from autorest.sql.writer import Writer

#: As PostgREST calls it: who selects what a function does not return reads it in the message of PostgreSQL.
CALL = "pgrst_call"
#: How the value of a function that returns no row type is named: clients see it in CSV.
SCALAR = "pgrst_scalar"


def call(writer: Writer, plan: CallPlan) -> str:
    """Return the SELECT that calls the function once and gives its rows."""
    match plan.arguments:
        case WholeBody(instead):
            parameter = plan.parameters[0]
            body = BodyPlace(parameter.type == "bytea")
            place = body if instead is None else Constant(body.bound(Values(body=instead)))
            return _from(plan, f"{writer.bind(place)}::{parameter.cast_type}")
        case DirectArguments(values):
            given = dict(values)
            arguments = [
                f"{_keyword(parameter)}{_direct(writer, given[parameter.name])}::{parameter.cast_type}"
                for parameter in plan.parameters
            ]
            return _from(plan, ", ".join(arguments))
        case BodyArguments(is_object):
            if not plan.parameters:
                return _from(plan, "")
            columns = [ColumnRef(parameter.name, type=parameter.cast_type) for parameter in plan.parameters]
            rows = body_rows(writer, columns, is_object=is_object, defaults=False, first=True)
            arguments = [f"{_keyword(parameter)}{quoted_column(BODY, parameter.name)}" for parameter in plan.parameters]
            return _from(plan, ", ".join(arguments), f"{rows} cross join lateral ")


def _keyword(parameter: Parameter) -> str:
    return f"{'variadic ' if parameter.variadic else ''}{identifier(parameter.name)} := "


def _direct(writer: Writer, value: Operand | tuple[Operand, ...]) -> str:
    match value:
        case Operand():
            return writer.operand(value)
        case operands:
            sources = tuple(operand.source for operand in operands if operand.source is not None)
            if len(sources) == len(operands):
                return writer.bind(ArrayPlace(sources))
            return writer.bind(Constant(array([operand.text for operand in operands])))


def _from(plan: CallPlan, arguments: str, before: str = "") -> str:
    called = f"{qualified(plan.routine.name)}({arguments})"
    if not plan.routine.returns.composite:
        return f"select {CALL}.{SCALAR} from {before}(select {called} as {SCALAR}) as {CALL}"
    columns = ", ".join(quoted_column(CALL, name) for name in plan.returning) or "*"
    if not plan.returning and before:
        columns = f"{CALL}.*"
    return f"select {columns} from {before}{called} as {CALL}"
