"""One running gateway: it opens what requests need, keeps the catalog fresh, and closes everything again."""

from __future__ import annotations

import asyncio
import logging
import os
import time

import asyncpg

from autorest.auth.authenticator import Authenticator
from autorest.catalog.load import MissingSchemas, load_catalog
from autorest.catalog.model import Catalog
from autorest.database.direct import connect_direct
from autorest.database.listener import Listener
from autorest.database.pool import Database
from autorest.gateway import Gateway, Snapshot
from autorest.settings import Settings, SettingsError, load_settings
from autorest.settings.database import read_database_settings

logger = logging.getLogger("autorest")

FIRST_RETRY = 0.5
LAST_RETRY = 8.0


class Service:
    """The gateway with all it depends on.

    `settings` are those of environment and file; what the database adds is read when it can be reached.
    `start` returns even when the database is down: requests are answered with 503 until it is there.
    """

    def __init__(self, settings: Settings, config_file: str | None = None) -> None:
        self.config_file = config_file
        self.authenticator = Authenticator(settings)
        self.database = Database(
            settings.db_uri,
            size=settings.db_pool,
            acquisition_timeout=settings.db_pool_acquisition_timeout,
            max_lifetime=settings.db_pool_max_lifetime,
            max_idle=settings.db_pool_max_idletime,
            prepared=settings.db_prepared_statements,
            max_prepared=settings.db_max_prepared,
        )
        self.gateway = Gateway(self.database, self.authenticator, Snapshot(settings, None))
        self.listener: Listener | None = None
        self.catalog_seconds = 0.0
        self.catalog_failures = 0
        self._loading = asyncio.Lock()
        self._retry: asyncio.Task[None] | None = None

    @property
    def settings(self) -> Settings:
        return self.gateway.snapshot.settings

    @property
    def catalog(self) -> Catalog | None:
        return self.gateway.snapshot.catalog

    @property
    def ready(self) -> bool:
        """Whether the pool, the catalog and the listener are all in order."""
        listening = self.listener is None or self.listener.listening
        return self.catalog is not None and listening and self.database.stats().connected

    async def start(self) -> None:
        await self.database.open()
        await self.authenticator.open()
        if not await self.reload_config():
            self._retry_later()
        if self.settings.db_channel_enabled:
            self.listener = Listener(self.settings.db_direct_uri, self.settings.db_channel, self._notified)
            await self.listener.start()

    async def stop(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        if self.listener is not None:
            await self.listener.stop()
        await self.authenticator.close()
        await self.database.close()

    async def reload_config(self) -> bool:
        """Read the settings again, then the catalog, and put both in force; return whether that was done."""
        return await self._reload(config=True)

    async def reload_schema(self) -> bool:
        """Read the catalog again and put it in force; return whether that was done."""
        return await self._reload(config=False)

    async def _notified(self, payload: str) -> None:
        match payload:
            case "reload config":
                done = await self.reload_config()
            case _:
                done = await self.reload_schema()
        if not done:
            self._retry_later()

    async def _reload(self, *, config: bool) -> bool:
        async with self._loading:
            started = time.perf_counter()
            try:
                connection = await connect_direct(self.settings.db_direct_uri)
                try:
                    settings = await self._read_settings(connection) if config else self.settings
                    catalog = await load_catalog(
                        connection,
                        schemas=settings.db_schemas,
                        extra_search_path=settings.db_extra_search_path,
                        hoisted_settings=settings.db_hoisted_tx_settings,
                        previous=self.catalog,
                    )
                finally:
                    await connection.close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, MissingSchemas, TimeoutError) as error:
                self.catalog_failures += 1
                logger.error("the catalog could not be loaded: %s", error)
                return False
            except SettingsError as error:
                logger.error("the settings were not reloaded: %s", error)
                return False
            self.catalog_seconds = time.perf_counter() - started
            if settings is not self.settings:
                await self.authenticator.reconfigure(settings)
            self.gateway.snapshot = Snapshot(settings, catalog)
            logger.info(
                "catalog loaded in %.0f ms: %d relations, %d functions",
                self.catalog_seconds * 1000,
                len(catalog.relations),
                sum(map(len, catalog.routines.values())),
            )
            return True

    async def _read_settings(self, connection: asyncpg.Connection[asyncpg.Record]) -> Settings:
        running = self.settings
        settings = load_settings(self.config_file, os.environ, running=running)
        return await read_database_settings(connection, settings, running=running)

    def _retry_later(self) -> None:
        if self._retry is None or self._retry.done():
            self._retry = asyncio.get_running_loop().create_task(self._retry_until_loaded())

    async def _retry_until_loaded(self) -> None:
        delay = FIRST_RETRY
        while True:
            await asyncio.sleep(delay)
            if await self.reload_config():
                return
            delay = min(delay * 2, LAST_RETRY)
