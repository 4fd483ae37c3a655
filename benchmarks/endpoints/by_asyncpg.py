"""The endpoints as somebody would write them by hand with FastAPI and asyncpg who cares about speed.

One transaction a request, with the role and the claims of the token, read only where it reads; orjson straight from
the records. HAND_DSN is the database. With HAND_RESET=1 the pool resets a connection that is given back, as asyncpg
does unless it is told not to; behind pgBouncer in transaction mode that is a trip for nothing.
"""

# mypy: ignore-errors

import os
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
import jwt
import orjson
from fastapi import FastAPI, Header, Request, Response
from pydantic import BaseModel

SETTINGS = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)"
COLUMNS = "id, title, completed, created_at, updated_at"
LISTS = """
select l.id, l.name, coalesce(i.items, '[]') as items
from api.lists l
left join lateral (
  select json_agg(json_build_object('id', i.id, 'title', i.title, 'marks', coalesce(m.marks, '[]'))) as items
  from api.items i
  left join lateral (
    select json_agg(json_build_object('id', m.id, 'value', m.value)) as marks from api.marks m where m.item_id = i.id
  ) m on true
  where i.list_id = l.id
) i on true
where l.id = $1
"""


class Connection(asyncpg.Connection):
    def get_reset_query(self):
        return super().get_reset_query() if os.environ.get("HAND_RESET") else ""


class NewTodo(BaseModel):
    title: str
    completed: bool = False


@asynccontextmanager
async def lifespan(app):
    async with asyncpg.create_pool(
        os.environ["HAND_DSN"],
        min_size=20,
        max_size=20,
        connection_class=Connection,
        max_inactive_connection_lifetime=0,
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)
Authorization = Annotated[str | None, Header()]


def caller(authorization):
    if authorization is None:
        return "api_anon", '{"role":"api_anon"}'
    claims = jwt.decode(authorization.removeprefix("Bearer "), os.environ["HAND_SECRET"], algorithms=["HS256"])
    return claims["role"], orjson.dumps(claims).decode()


@asynccontextmanager
async def transaction(authorization, *, readonly):
    role, claims = caller(authorization)
    async with app.state.pool.acquire() as connection, connection.transaction(readonly=readonly):
        await connection.fetchrow(SETTINGS, role, claims)
        yield connection


def answer(rows):
    return Response(orjson.dumps([dict(row) for row in rows], default=str), media_type="application/json")


@app.get("/todos")
async def todos(limit: int, authorization: Authorization = None):
    async with transaction(authorization, readonly=True) as connection:
        return answer(await connection.fetch(f"select {COLUMNS} from api.todos limit $1", limit))


@app.get("/todos/{id}")
async def todo(id: UUID, authorization: Authorization = None):
    async with transaction(authorization, readonly=True) as connection:
        return answer(await connection.fetch(f"select {COLUMNS} from api.todos where id = $1", id))


@app.get("/lists/{id}")
async def one_list(id: int, authorization: Authorization = None):
    async with transaction(authorization, readonly=True) as connection:
        row = await connection.fetchrow(LISTS, id)
        body = b'[{"id":%d,"name":%b,"items":%b}]' % (row["id"], orjson.dumps(row["name"]), row["items"].encode())
        return Response(body, media_type="application/json")


@app.get("/events")
async def events(kind: int, before: datetime, limit: int, authorization: Authorization = None):
    async with transaction(authorization, readonly=True) as connection:
        rows = await connection.fetch(
            "select id, kind, happened_at, amount from api.events where kind = $1 and happened_at < $2"
            " order by happened_at desc limit $3",
            kind,
            before,
            limit,
        )
        return answer(rows)


@app.post("/todos", status_code=201)
async def add_todo(todo: NewTodo, authorization: Authorization = None):
    async with transaction(authorization, readonly=False) as connection:
        await connection.execute("insert into api.todos (title, completed) values ($1, $2)", todo.title, todo.completed)
    return Response(status_code=201)


@app.post("/todos/many", status_code=201)
async def add_todos(request: Request, authorization: Authorization = None):
    body = (await request.body()).decode()
    async with transaction(authorization, readonly=False) as connection:
        await connection.execute(
            "insert into api.todos (title, completed) select title, completed from"
            " json_to_recordset($1::json) as _(title text, completed boolean)",
            body,
        )
    return Response(status_code=201)


@app.get("/rpc/add")
async def add(a: int, b: int, authorization: Authorization = None):
    async with transaction(authorization, readonly=True) as connection:
        value = await connection.fetchval("select api.add($1, $2)", a, b)
        return Response(orjson.dumps(value), media_type="application/json")
