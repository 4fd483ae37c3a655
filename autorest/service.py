"""One running gateway: it opens what requests need, keeps settings and catalog fresh, and closes everything again."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

from autorest.auth.authenticator import Authenticator
from autorest.auth.login import BE_YOURSELF, LoginService
from autorest.catalog.load import MissingSchemas, load_catalog
from autorest.catalog.model import Catalog
from autorest.database.direct import connect_direct
from autorest.database.errors import ConnectionFailed, DatabaseError, Unavailable
from autorest.database.listener import Listener
from autorest.database.pool import Database
from autorest.errors import Error, Refused
from autorest.gateway import Gateway
from autorest.metrics import Numbers, RequestMetrics, process_numbers
from autorest.settings import Settings, SettingsError, load_settings
from autorest.settings.database import read_database_settings
from autorest.snapshot import Snapshot
from autorest.sql.statement import Statement, Transaction
from autorest.sql.transaction import Defaults, Terms
from autorest.unavailable import no_catalog, unavailable

if TYPE_CHECKING:
    from autorest.database.direct import Connection

logger = logging.getLogger("autorest")

#: The pauses between attempts to load the catalog: the first, then doubling up to the last.
FIRST_RETRY, LAST_RETRY = 0.25, 2.0
#: Reloads that are asked for within this time after one are done together.
QUIET_SECONDS = 0.1
#: How often the same failure is told again while it lasts.
REPEAT_SECONDS = 30.0
#: How often the connections are looked at, and how long a sign of life may take.
WATCH_SECONDS, PROBE_SECONDS = 0.25, 3.0
#: How long the start waits for the keys of a provider.
PROVIDER_SECONDS = 1.0
#: Earlier versions of PostgreSQL lack what the catalog's queries need.
OLDEST_SERVER = 14
#: The role of statements that are the gateway's own: none is set, so it is the one that it connects as.
OWN_ROLE = ""
OWN_TERMS = Terms("", read_only=False)

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
FAILURES = (*UNREACHABLE, asyncpg.PostgresError, MissingSchemas)
#: Settings that decide what is in the catalog.
OF_CATALOG = ("db_schemas", "db_extra_search_path", "db_hoisted_tx_settings")

OWN_SETTINGS = """
    select coalesce(array_agg(setting order by setrole, setting), '{}')
    from pg_catalog.pg_db_role_setting, unnest(setconfig) as setting
    where setrole in (0, (select oid from pg_catalog.pg_roles where rolname = session_user))
      and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
"""
DEFAULTS = """
    select current_setting('default_transaction_isolation'), current_setting('default_transaction_read_only')::bool
"""


class Ended(Exception):
    """The gateway cannot go on; the message says why, in one sentence."""


@dataclass
class Wanted:
    """What the next reload is to read."""

    config: bool = False
    catalog: bool = False


@dataclass
class Loads:
    """What became of the attempts to load the catalog; `seconds` is how long the last good one took."""

    succeeded: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_failed: bool = False


@dataclass
class Told:
    """What the log was told already."""

    warnings: set[str] = field(default_factory=set)
    server: str = ""
    failure: str = ""
    failure_at: float = 0.0


class Service:
    """The gateway with all it depends on.

    `settings` are those of environment and file; what the database adds is read when it can be reached. `followers`
    are called with the settings whenever they changed. `start` returns when the first load was attempted: if it
    failed, requests are answered with 503 until one succeeds. `ended` gets the reason when the gateway cannot go on.

    With `reread` the first load reads environment and file again, for what a reload changes may have changed since.

    Raises ValueError, in one line, for settings that cannot be used together.
    """

    def __init__(self, settings: Settings, config_file: str | None = None, *, reread: bool = False) -> None:
        self.config_file = config_file
        self._reread = reread
        self.authenticator = Authenticator(settings)
        self.database = Database(
            settings.db_uri,
            size=settings.db_pool,
            acquisition_timeout=settings.db_pool_acquisition_timeout,
            max_lifetime=settings.db_pool_max_lifetime,
            max_idle=settings.db_pool_max_idletime,
            max_waiting=settings.db_pool_max_waiting,
            max_per_role=settings.db_pool_max_per_role,
            prepared=settings.db_prepared_statements,
            max_prepared=settings.db_max_prepared,
        )
        self.gateway = Gateway(self.database, self.authenticator, Snapshot(settings, None))
        self.gateway.unready = self._unready
        self._defaults = Defaults()
        self.login: LoginService | None = None
        if settings.auth_login_enabled:
            self.login = LoginService(self.run_own, settings, self.authenticator)
        self.listener: Listener | None = None
        self.metrics = RequestMetrics()
        self.loads = Loads()
        self.loaded = asyncio.Event()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.followers: list[Callable[[Settings], None]] = []
        self._told = Told()
        self._wanted = Wanted()
        self._asked = asyncio.Event()
        self._attempted = asyncio.Event()
        self._config_read = False
        self._own_settings: Sequence[str] | None = None
        self._unreachable: str | None = None
        self._retry_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.gateway.snapshot.settings

    @property
    def catalog(self) -> Catalog | None:
        """The catalog in force, None before the first was loaded."""
        return self.gateway.snapshot.catalog

    async def start(self) -> None:
        """Open everything and attempt the first load."""
        self._tell_warnings(self.settings)
        await self.database.open()
        provider = asyncio.create_task(self.authenticator.open())
        self.ask(config=True, catalog=True)
        self._tasks = [provider, asyncio.create_task(self._reload_forever()), asyncio.create_task(self._watch())]
        await self._follow_channel(self.settings)
        await self._attempted.wait()
        if not provider.done():
            await asyncio.wait((provider,), timeout=PROVIDER_SECONDS)

    async def stop(self, patience: float) -> None:
        """Close everything; requests have ended before, and what the database still does has `patience` seconds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.listener is not None:
            await self.listener.stop()
        if self.login is not None:
            self.login.close()
        self.gateway.aside.close()
        await self.authenticator.close()
        await self.database.close(patience)

    def ask(self, *, config: bool = False, catalog: bool = False) -> None:
        """Have settings or catalog read again, soon; what is asked for in a burst is done once or twice."""
        self._wanted.config |= config
        self._wanted.catalog |= catalog
        self._asked.set()

    def reload_config(self) -> None:
        """Read the settings again: SIGUSR2."""
        # Those of environment and file were read before this could be asked.
        self._reread = True
        self.ask(config=True)

    def reload_schema(self) -> None:
        """Read the catalog again, and the settings where the database may hold some: SIGUSR1."""
        self._reread = True
        self.ask(config=self.settings.db_config, catalog=True)

    async def is_connected(self) -> bool:
        """Whether the database answers: over the pool, and over the listener's connection where there is one."""
        stats = self.database.stats()
        if not stats.connected or (self.listener is not None and not self.listener.listening):
            return False
        if stats.open:
            # The pool looks after open connections by itself.
            return True
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self.database.run(Transaction(OWN_ROLE, (Statement(b"select 1", prepare=False),)))
        except (DatabaseError, Unavailable, TimeoutError):
            return False
        return True

    async def is_ready(self) -> bool:
        """Whether pool, catalog and listener are all in order."""
        return self.loaded.is_set() and not self.loads.last_failed and await self.is_connected()

    def numbers(self) -> Numbers:
        """Return the metrics of this process."""
        stats, cache, listener, catalog = self.database.stats(), self.authenticator.cache, self.listener, self.catalog
        single: dict[tuple[str, str], float] = {
            ("pgrst_schema_cache_query_time_seconds", ""): self.loads.seconds,
            ("pgrst_schema_cache_loads_total", "SUCCESS"): self.loads.succeeded,
            ("pgrst_schema_cache_loads_total", "FAIL"): self.loads.failed,
            ("pgrst_db_pool_timeouts_total", ""): stats.timeouts,
            ("pgrst_db_pool_available", ""): stats.available,
            ("pgrst_db_pool_waiting", ""): stats.waiting,
            ("pgrst_db_pool_max", ""): stats.size,
            ("autorest_db_pool_max_waiting", ""): stats.places,
            **{("autorest_requests_shed_total", reason): count for reason, count in stats.refused.items()},
            ("pgrst_jwt_cache_requests_total", ""): cache.lookups,
            ("pgrst_jwt_cache_hits_total", ""): cache.hits,
            ("pgrst_jwt_cache_evictions_total", ""): cache.evictions,
            ("autorest_db_connections", ""): stats.open,
            ("autorest_db_connections_opened_total", ""): stats.opened,
            ("autorest_db_connections_failed_total", ""): stats.failed,
            ("autorest_db_connections_lost_total", ""): stats.lost,
            ("autorest_db_transactions_total", ""): stats.transactions,
            ("autorest_db_transactions_cancelled_total", ""): stats.cancelled,
            ("autorest_db_statements_prepared_total", ""): stats.parses,
            ("autorest_db_up", ""): float(stats.connected),
            ("autorest_listener_up", ""): float(listener is not None and listener.listening),
            ("autorest_catalog_relations", ""): len(catalog.relations) if catalog else 0,
            ("autorest_catalog_routines", ""): len(catalog.routines) if catalog else 0,
        }
        return Numbers(single | process_numbers(), self.metrics.series)

    async def run_own(self, sql: str, parameters: Sequence[str | None]) -> list[list[bytes | None]]:
        """Run one statement as the role that the gateway connects as; raise Refused when that fails."""
        values = tuple(None if value is None else value.encode() for value in parameters)
        statements = (Statement(BE_YOURSELF.encode()), Statement(sql.encode(), values))
        begin = self.gateway.snapshot.session.beginning(OWN_ROLE, OWN_TERMS, "commit")
        try:
            _, result = await self.database.run(Transaction(OWN_ROLE, statements, begin))
        except DatabaseError as error:
            logger.error("the login could not use the database: %s", error)
            raise Refused(Error(500, error.sqlstate, "The login cannot use the database", error.message)) from None
        except Unavailable as error:
            raise Refused(unavailable(error)) from None
        rows, columns = range(result.ntuples), range(result.nfields)
        return [[result.get_value(row, column) for column in columns] for row in rows]

    # Reloading

    async def _notified(self, payload: str) -> None:
        match payload:
            case "" | "reload schema":
                logger.info("told to reload the catalog on channel %r", self.settings.db_channel)
                self.reload_schema()
            case "reload config":
                logger.info("told to reload the settings on channel %r", self.settings.db_channel)
                self.reload_config()

    async def _reload_forever(self) -> None:
        failures = 0
        while True:
            await self._asked.wait()
            self._asked.clear()
            wanted, self._wanted = self._wanted, Wanted()
            done = await self._reload(wanted)
            self._attempted.set()
            if done:
                failures = 0
                await asyncio.sleep(QUIET_SECONDS)
                continue
            self._wanted.config |= wanted.config
            self._wanted.catalog |= wanted.catalog
            if not self.settings.db_pool_automatic_recovery:
                continue
            delay = min(FIRST_RETRY * 2 ** min(failures, 10), LAST_RETRY) * random.uniform(0.9, 1.1)
            failures += 1
            self._retry_at = time.monotonic() + delay
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._asked.wait()
            self._asked.set()

    async def _reload(self, wanted: Wanted) -> bool:
        """Read what is wanted and put it in force at once; return whether there is nothing to try again."""
        try:
            await self._read(wanted)
        except Ended as end:
            self._end(str(end))
            return True
        except Exception as error:
            # Whatever it is: there is another attempt, or nobody would ever read the catalog again.
            self._failed(error)
            return False
        self.loads.last_failed = False
        self._unreachable = None
        self._told.failure = ""
        return True

    async def _read(self, wanted: Wanted) -> None:
        settings, catalog = self.settings, self.catalog
        with_config = wanted.config
        if with_config and (self._attempted.is_set() or self._reread):
            try:
                settings = load_settings(self.config_file, os.environ, running=settings)
            except SettingsError as error:
                logger.error("the settings were not reloaded: %s", error)
                with_config = False
        with_catalog = wanted.catalog or self._needs_catalog(settings)
        if not with_catalog and not (with_config and settings.db_config):
            await self._adopt(settings, catalog)
            return
        started = time.perf_counter()
        connection = await connect_direct(settings.db_direct_uri)
        try:
            self._greet(connection)
            if with_config:
                settings = await self._from_database(connection, settings)
                self._config_read = True
            own_settings = await connection.fetchval(OWN_SETTINGS)
            [(isolation, read_only)] = await connection.fetch(DEFAULTS)
            self._defaults = Defaults(isolation, read_only)
            if with_catalog or self._needs_catalog(settings):
                catalog = await load_catalog(
                    connection,
                    schemas=settings.db_schemas,
                    extra_search_path=settings.db_extra_search_path,
                    hoisted_settings=settings.db_hoisted_tx_settings,
                    previous=catalog,
                )
        finally:
            with contextlib.suppress(*FAILURES):
                await connection.close(timeout=1)
        if own_settings != self._own_settings:
            if self._own_settings is not None:
                self.database.renew()
            self._own_settings = own_settings
        reloaded = catalog is not self.catalog
        await self._adopt(settings, catalog)
        if reloaded and catalog is not None:
            self._succeeded(catalog, time.perf_counter() - started)

    def _needs_catalog(self, settings: Settings) -> bool:
        """Tell whether another catalog belongs to `settings` than to those in force."""
        return any(getattr(settings, name) != getattr(self.settings, name) for name in OF_CATALOG)

    async def _from_database(self, connection: Connection, settings: Settings) -> Settings:
        """Return `settings` with those of the database, what only a start can change included at the start."""
        running = self.settings if self._config_read else None
        try:
            return await read_database_settings(connection, settings, running=running)
        except SettingsError as error:
            logger.error("the settings were not reloaded: %s", error)
            return running or settings

    async def _adopt(self, settings: Settings, catalog: Catalog | None) -> None:
        """Put settings and catalog in force together."""
        before = self.settings
        if settings is not before:
            try:
                if self.login is not None:
                    self.login.reconfigure(settings)
                await self.authenticator.reconfigure(settings)
            except ValueError as error:
                logger.error("the settings were not reloaded: %s", error)
                settings = before
                if self.login is not None:
                    self.login.reconfigure(before)
        if catalog is not None:
            self.database.prepare_for(catalog.fingerprint)
        self.gateway.snapshot = Snapshot(settings, catalog, self._defaults)
        self.metrics.know(catalog, settings.db_schemas)
        if settings is before:
            return
        self._tell_warnings(settings)
        if settings.db_prepared_statements != before.db_prepared_statements:
            self.database.prepare_statements(settings.db_prepared_statements)
        for follow in self.followers:
            follow(settings)
        if (settings.db_channel_enabled, settings.db_channel, settings.db_pool_automatic_recovery) != (
            before.db_channel_enabled,
            before.db_channel,
            before.db_pool_automatic_recovery,
        ):
            await self._follow_channel(settings)
        if self.loaded.is_set():
            logger.info("settings reloaded")

    async def _follow_channel(self, settings: Settings) -> None:
        """Listen as the settings say."""
        if self.listener is not None:
            listener, self.listener = self.listener, None
            await listener.stop()
        if settings.db_channel_enabled:
            self.listener = Listener(
                settings.db_direct_uri,
                settings.db_channel,
                self._notified,
                recover=settings.db_pool_automatic_recovery,
            )
            await self.listener.start()

    # What happens to the database

    async def _watch(self) -> None:
        """Notice what nobody tells: that the database is gone, or there again."""
        connected, failed = False, 0
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            stats = self.database.stats()
            # A connection that only had to be opened anew is no loss.
            lost = not stats.connected and stats.failed > failed
            if not self.settings.db_pool_automatic_recovery and (lost or (self.listener and self.listener.given_up)):
                self._end("the connection to the database was lost, and db-pool-automatic-recovery is off")
            if stats.connected and not connected:
                if self.loads.last_failed:
                    self._asked.set()
                elif self.loaded.is_set() and self.listener is None and stats.failed + stats.lost > 0:
                    # Without a listener nobody tells what was missed meanwhile.
                    self.reload_schema()
            connected = stats.connected
            if connected:
                failed = stats.failed

    def _unready(self) -> Refused:
        """Return what requests are answered with while there is no catalog."""
        retry_after = max(0.0, self._retry_at - time.monotonic())
        if self._unreachable is not None:
            return Refused(unavailable(ConnectionFailed(self._unreachable, retry_after)))
        return no_catalog(retry_after)

    def _failed(self, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        self.loads.failed += 1
        self.loads.last_failed = True
        unreachable = isinstance(error, UNREACHABLE)
        self._unreachable = reason if unreachable else None
        if isinstance(error, asyncpg.InvalidPasswordError) and not self.loaded.is_set():
            self._end(f"the database does not accept the password: {reason}")
        elif unreachable and not self.settings.db_pool_automatic_recovery:
            self._end(f"the database cannot be reached, and db-pool-automatic-recovery is off: {reason}")
        now = time.monotonic()
        if reason != self._told.failure or now - self._told.failure_at >= REPEAT_SECONDS:
            self._told.failure, self._told.failure_at = reason, now
            schemas = ",".join(self.settings.db_schemas)
            logger.error(
                "the catalog of db-schemas=%s could not be loaded, trying again: %s",
                schemas,
                reason,
                exc_info=None if isinstance(error, FAILURES) else error,
            )

    def _succeeded(self, catalog: Catalog, seconds: float) -> None:
        self.loads.succeeded += 1
        self.loads.seconds = seconds
        if not self.loaded.is_set():
            self.loaded.set()
            # The first catalog is never freed as a whole: the garbage collector need not go through it.
            gc.freeze()
        logger.info(
            "catalog loaded in %.1f ms: %d relations, %d relationships, %d functions, %d media type handlers",
            seconds * 1000,
            len(catalog.relations),
            sum(map(len, catalog.relationships.values())),
            sum(map(len, catalog.routines.values())),
            len(catalog.media_handlers),
        )

    def _greet(self, connection: Connection) -> None:
        """Say which PostgreSQL this is. Raises Ended when it is too old."""
        version = connection.get_server_version()
        if version.major < OLDEST_SERVER:
            raise Ended(f"PostgreSQL {version.major} is too old, the gateway needs {OLDEST_SERVER} or newer")
        # asyncpg tells the second part of a version since PostgreSQL 10 as the third.
        server = f"PostgreSQL {version.major}.{version.micro}"
        if server != self._told.server:
            self._told.server = server
            logger.info("connected to %s", server)

    def _tell_warnings(self, settings: Settings) -> None:
        for warning in settings.warnings:
            if warning not in self._told.warnings:
                self._told.warnings.add(warning)
                logger.warning("%s", warning)

    def _end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
