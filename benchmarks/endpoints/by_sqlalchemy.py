"""The endpoints as FastAPI's and SQLAlchemy's documentation would have them: an ORM, models, one session a request.

The same transaction as elsewhere: role and claims are set first, and it is read only where it reads. HAND_DSN is the
database as a URL.
"""

# mypy: ignore-errors

import os
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import jwt
import orjson
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, ForeignKey, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

SETTINGS = text("select set_config('role', :role, true), set_config('request.jwt.claims', :claims, true)")

engine = create_async_engine(
    os.environ["HAND_DSN"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=20, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Todo(Base):
    __tablename__ = "todos"
    __table_args__ = {"schema": "api"}  # noqa: RUF012
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    title: Mapped[str]
    completed: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class List(Base):
    __tablename__ = "lists"
    __table_args__ = {"schema": "api"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    items: Mapped[list["Item"]] = relationship()


class Item(Base):
    __tablename__ = "items"
    __table_args__ = {"schema": "api"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("api.lists.id"))
    title: Mapped[str]
    marks: Mapped[list["Mark"]] = relationship()


class Mark(Base):
    __tablename__ = "marks"
    __table_args__ = {"schema": "api"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("api.items.id"))
    value: Mapped[int]


class Event(Base):
    __tablename__ = "events"
    __table_args__ = {"schema": "api"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[int]
    happened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    amount: Mapped[int]


class Model(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewTodo(Model):
    title: str
    completed: bool = False


class TodoOut(NewTodo):
    id: UUID
    created_at: datetime
    updated_at: datetime


class MarkOut(Model):
    id: int
    value: int


class ItemOut(Model):
    id: int
    title: str
    marks: list[MarkOut]


class ListOut(Model):
    id: int
    name: str
    items: list[ItemOut]


class EventOut(Model):
    id: int
    kind: int
    happened_at: datetime
    amount: int


@asynccontextmanager
async def lifespan(app):
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


def caller(authorization):
    if authorization is None:
        return {"role": "api_anon"}
    return jwt.decode(authorization.removeprefix("Bearer "), os.environ["HAND_SECRET"], algorithms=["HS256"])


@asynccontextmanager
async def transaction(authorization, *, readonly):
    claims = caller(authorization)
    async with sessions() as session, session.begin():
        if readonly:
            await session.connection(execution_options={"postgresql_readonly": True})
        await session.execute(SETTINGS, {"role": claims["role"], "claims": orjson.dumps(claims).decode()})
        yield session


async def reading(authorization: Annotated[str | None, Header()] = None):
    async with transaction(authorization, readonly=True) as session:
        yield session


async def writing(authorization: Annotated[str | None, Header()] = None):
    async with transaction(authorization, readonly=False) as session:
        yield session


Reading = Annotated[AsyncSession, Depends(reading, scope="function")]
Writing = Annotated[AsyncSession, Depends(writing, scope="function")]


@app.get("/todos")
async def todos(limit: int, session: Reading) -> list[TodoOut]:
    return (await session.scalars(select(Todo).limit(limit))).all()


@app.get("/todos/{id}")
async def todo(id: UUID, session: Reading) -> list[TodoOut]:
    return (await session.scalars(select(Todo).where(Todo.id == id))).all()


@app.get("/lists/{id}")
async def one_list(id: int, session: Reading) -> list[ListOut]:
    query = select(List).where(List.id == id).options(selectinload(List.items).selectinload(Item.marks))
    found = (await session.scalars(query)).all()
    if not found:
        raise HTTPException(404)
    return found


@app.get("/events")
async def events(kind: int, before: datetime, limit: int, session: Reading) -> list[EventOut]:
    query = select(Event).where(Event.kind == kind, Event.happened_at < before)
    return (await session.scalars(query.order_by(Event.happened_at.desc()).limit(limit))).all()


@app.post("/todos", status_code=201)
async def add_todo(todo: NewTodo, session: Writing) -> None:
    session.add(Todo(title=todo.title, completed=todo.completed))


@app.post("/todos/many", status_code=201)
async def add_todos(todos: list[NewTodo], session: Writing) -> None:
    await session.execute(insert(Todo), [todo.model_dump() for todo in todos])


@app.get("/rpc/add")
async def add(a: int, b: int, session: Reading) -> int:
    return await session.scalar(select(func.api.add(a, b)))
