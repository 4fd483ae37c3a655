"""What the path names, and what the method does with it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from autorest.errors import refuse
from autorest.request.model import Action
from autorest.request.percent import percent_decoded


class Resource(Enum):
    ROOT = "root"
    RELATION = "relation"
    ROUTINE = "routine"


_ACTIONS: Final = {
    (Resource.ROOT, "GET"): Action.ROOT,
    (Resource.ROOT, "HEAD"): Action.ROOT,
    (Resource.ROOT, "OPTIONS"): Action.ROOT_INFO,
    (Resource.RELATION, "GET"): Action.READ,
    (Resource.RELATION, "HEAD"): Action.READ,
    (Resource.RELATION, "POST"): Action.INSERT,
    (Resource.RELATION, "PUT"): Action.UPSERT,
    (Resource.RELATION, "PATCH"): Action.UPDATE,
    (Resource.RELATION, "DELETE"): Action.DELETE,
    (Resource.RELATION, "OPTIONS"): Action.RELATION_INFO,
    (Resource.ROUTINE, "GET"): Action.CALL_SAFE,
    (Resource.ROUTINE, "HEAD"): Action.CALL_SAFE,
    (Resource.ROUTINE, "POST"): Action.CALL,
    (Resource.ROUTINE, "OPTIONS"): Action.ROUTINE_INFO,
}


def parse_path(raw_path: bytes, *, openapi_disabled: bool, root_routine: str | None) -> tuple[Resource, str]:
    """Return the resource that a path, as it was sent, names; the name is empty for the root.

    Raises: Refused: PGRST125 for a path that names nothing, PGRST126 for the root where it is disabled.
    """
    segments = raw_path.removeprefix(b"/").split(b"/")
    match segments:
        case [b""]:
            if openapi_disabled:
                raise refuse(
                    "PGRST126",
                    "The root path is disabled",
                    "openapi-mode is set to disabled.",
                    "Ask for a table or a function.",
                )
            return (Resource.ROOT, "") if root_routine is None else (Resource.ROUTINE, root_routine)
        case [name]:
            return Resource.RELATION, _decoded(name)
        case [prefix, name] if _decoded(prefix) == "rpc":
            return Resource.ROUTINE, _decoded(name)
        case _:
            raise refuse(
                "PGRST125",
                "The path names nothing in this API",
                "A path is /, /relation or /rpc/function, without a slash at its end.",
                "A row is named by a filter, as in /todos?id=eq.7." if len(segments) == 2 and segments[1] else None,
            )


def choose_action(resource: Resource, method: str) -> Action:
    """Return what `method` does with a resource.

    Raises: Refused: PGRST101 for a method that functions do not have, PGRST117 for any other.
    """
    action = _ACTIONS.get((resource, method))
    if action is not None:
        return action
    allowed = ", ".join(known for of, known in _ACTIONS if of is resource)
    if resource is Resource.ROUTINE:
        raise refuse("PGRST101", f"A function cannot be called with {method}", f"Methods are {allowed}.")
    raise refuse("PGRST117", f"The method {method} is not supported here", f"Methods are {allowed}.")


def _decoded(segment: bytes) -> str:
    return percent_decoded(segment).decode("utf-8", "replace")
