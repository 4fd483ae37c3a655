"""The database and the pooler that all contenders share, filled with the same rows."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt

from benchmarks.cases import Sample
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "app"
SECRET = "a secret of at least thirty-two characters"
TODOS = 1000
KINDS = 1000
#: No background work of PostgreSQL's own while others are measured.
SERVER = {"autovacuum": "off", "shared_buffers": "256MB", "max_wal_size": "4GB", "checkpoint_timeout": "1h"}

#: pgbench parses its statements before it becomes another role, and a schema is checked then.
FILL = """
create table autorest.seed as
  select gen_random_uuid() as id, 'todo number ' || number as title, number % 3 = 0 as completed,
    date_trunc('second', now()) - number * interval '1 minute' as created_at, date_trunc('second', now()) as updated_at
  from generate_series(1, {todos}) as number;

create table api.lists (id int primary key, name text not null);
create table api.items (id int primary key, list_id int not null references api.lists, title text not null);
create table api.marks (id int primary key, item_id int not null references api.items, value int not null);
insert into api.lists select number, 'list ' || number from generate_series(1, 200) as number;
insert into api.items select number, number % 200 + 1, 'item ' || number from generate_series(1, 1000) as number;
insert into api.marks select number, number % 1000 + 1, number % 7 from generate_series(1, 3000) as number;
create index on api.items (list_id);
create index on api.marks (item_id);
create function api.add(a int, b int) returns int language sql immutable as 'select a + b';
grant select on api.lists, api.items, api.marks to api_anon, api_user;
grant usage on schema api to authenticator;
"""
EVENTS = """
create table api.events (id int primary key, kind int not null, happened_at timestamptz not null, amount int not null);
insert into api.events
  select number, number % {kinds}, timestamptz '2026-01-01' + number * interval '1 second', number % 97
  from generate_series(1, 1000000) as number;
create index on api.events (kind, happened_at);
grant select on api.events to api_anon, api_user;
"""
RESEED = "truncate api.todos; insert into api.todos select * from autorest.seed; analyze api.todos"


@dataclass(frozen=True, slots=True)
class Stage:
    """The running servers. `dsn` leads through pgBouncer, `direct_dsn` past it, both as a role of no rights."""

    cluster: Cluster
    pooler: Pooler
    sample: Sample

    @property
    def dsn(self) -> str:
        return f"postgresql://authenticator@{self.pooler.host}:{self.pooler.port}/{DATABASE}"

    @property
    def direct_dsn(self) -> str:
        return f"postgresql://authenticator@{self.cluster.host}:{self.cluster.port}/{DATABASE}"

    def reseed(self) -> None:
        """Bring api.todos back to the rows it had."""
        self.cluster.psql(RESEED, dbname=DATABASE)


@contextlib.contextmanager
def built(*, events: bool) -> Iterator[Stage]:
    """Start PostgreSQL and pgBouncer and fill the database; `events` adds the table of 1,000,000 rows."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster({**SERVER, "max_connections": "200"}))
        cluster.createdb(DATABASE)
        for script in sorted((ROOT / "postgres" / "init").glob("*.sql")):
            cluster.psql(script.read_text(encoding="utf-8"), dbname=DATABASE)
        cluster.psql(FILL.format(todos=TODOS) + (EVENTS.format(kinds=KINDS) if events else ""), dbname=DATABASE)
        cluster.psql(RESEED, dbname=DATABASE)
        cluster.psql("vacuum analyze; checkpoint", dbname=DATABASE)
        pooler = stack.enter_context(Pooler(cluster, forced_user="authenticator"))
        keys = [str(key) for (key,) in cluster.execute("select id from autorest.seed", dbname=DATABASE)]
        claims = {"role": "api_user", "sub": "somebody", "exp": int(time.time()) + 24 * 3600}
        token = jwt.encode(claims, SECRET, algorithm="HS256")
        yield Stage(cluster, pooler, Sample(keys, range(1, 201), range(KINDS), token))


def version(program: str | Path) -> str:
    """Return the first line of what a program says about its version."""
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=20)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
