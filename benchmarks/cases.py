"""What is asked, and how each kind of contender wants to be asked it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

#: postgrest: the URLs of PostgREST; plain: those of the endpoints written by hand; graphql: PostGraphile's.
Dialect = Literal["postgrest", "plain", "graphql"]

BULK_ROWS = 1000
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `headers` come on top of Host."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self, host: str) -> bytes:
        """Return the request as it is sent (RFC 9112)."""
        headers = {"Host": host, **self.headers}
        if self.body:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass(frozen=True, slots=True)
class Sample:
    """What requests are about: keys that exist in the database, and a token."""

    todos: Sequence[str]
    lists: Sequence[int]
    kinds: Sequence[int]
    token: str


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request. `status` is the answer's, `writes` tells whether it leaves rows in api.todos."""

    name: str
    title: str
    requests: Mapping[Dialect, Sequence[Request]]
    status: int = 200
    writes: bool = False


TITLES = {
    "one-row": "one row by id",
    "one-row-token": "one row by id, with a token",
    "100-rows": "100 rows",
    "embed": "one row with two levels of embedding",
    "million": "filter and order on 1,000,000 rows, 20 of them",
    "insert": "insert one row",
    "insert-1000": f"insert {BULK_ROWS:,} rows",
    "rpc": "a function that returns a number",
    "error-404": "a table that does not exist",
}
DEFAULT = ("one-row", "100-rows", "insert")
BEFORE = "2026-01-05T00:00:00Z"
FIELDS = "id title completed createdAt updatedAt"


def graphql(query: str) -> Request:
    return Request("/graphql", "POST", JSON, json.dumps({"query": query}).encode())


def make_cases(sample: Sample) -> dict[str, Case]:
    """Return every case by its name, for the rows of `sample`."""
    bearer = {"Authorization": f"Bearer {sample.token}"}
    one = json.dumps({"title": "one more", "completed": False}).encode()
    many = json.dumps([{"title": f"one more {number}", "completed": False} for number in range(BULK_ROWS)]).encode()
    requests: dict[str, dict[Dialect, list[Request]]] = {
        "one-row": {
            "postgrest": [Request(f"/todos?id=eq.{key}") for key in sample.todos],
            "plain": [Request(f"/todos/{key}") for key in sample.todos],
            "graphql": [graphql(f'{{todoById(id: "{key}") {{{FIELDS}}}}}') for key in sample.todos],
        },
        "one-row-token": {
            "postgrest": [Request(f"/todos?id=eq.{key}", headers=bearer) for key in sample.todos],
            "plain": [Request(f"/todos/{key}", headers=bearer) for key in sample.todos],
        },
        "100-rows": {
            "postgrest": [Request("/todos?limit=100")],
            "plain": [Request("/todos?limit=100")],
            "graphql": [graphql(f"{{allTodos(first: 100) {{nodes {{{FIELDS}}}}}}}")],
        },
        "embed": {
            "postgrest": [
                Request(f"/lists?id=eq.{key}&select=id,name,items(id,title,marks(id,value))") for key in sample.lists
            ],
            "plain": [Request(f"/lists/{key}") for key in sample.lists],
        },
        "million": {
            "postgrest": [
                Request(f"/events?kind=eq.{kind}&happened_at=lt.{BEFORE}&order=happened_at.desc&limit=20")
                for kind in sample.kinds
            ],
            "plain": [Request(f"/events?kind={kind}&before={BEFORE}&limit=20") for kind in sample.kinds],
        },
        "insert": {
            "postgrest": [Request("/todos", "POST", JSON, one)],
            "plain": [Request("/todos", "POST", JSON, one)],
            "graphql": [graphql('mutation {createTodo(input: {todo: {title: "one more"}}) {clientMutationId}}')],
        },
        "insert-1000": {
            "postgrest": [Request("/todos", "POST", JSON, many)],
            "plain": [Request("/todos/many", "POST", JSON, many)],
        },
        "rpc": {
            "postgrest": [Request(f"/rpc/add?a={number}&b=2") for number in range(100)],
            "plain": [Request(f"/rpc/add?a={number}&b=2") for number in range(100)],
        },
        "error-404": {
            "postgrest": [Request("/nothing")],
            "plain": [Request("/nothing")],
        },
    }
    statuses = {"insert": 201, "insert-1000": 201, "error-404": 404}
    return {
        name: Case(name, title, requests[name], statuses.get(name, 200), name.startswith("insert"))
        for name, title in TITLES.items()
    }
