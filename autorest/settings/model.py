"""The settings of the gateway, one immutable value."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from autorest.catalog.model import QualifiedName
from autorest.settings.about import About, Setting
from autorest.settings.checks import check_jwt_secret, check_role_claim_key, check_signing_key, with_password
from autorest.settings.error import Unfit
from autorest.settings.kinds import (
    AUDIENCE,
    BOOLEAN,
    EMPTYABLE_LIST,
    FILE_MODE,
    FUNCTION,
    LIST,
    NETWORKS,
    PROXY_URI,
    SCHEMAS,
    SECRET,
    SIZE,
    TEXT,
    TRANSACTION_END,
    Kind,
    TransactionEnd,
    choice,
    whole,
)
from autorest.settings.outside import Given, Outside

MOST_ROWS = 2**63 - 1
_SQL_SETTING = re.compile(r"app\.settings\.[^\W\d][\w$]*")

Whole = Annotated[int, whole(0)]
AtLeastOne = Annotated[int, whole(1)]
Port = Annotated[int, whole(0, 65535)]
Boolean = Annotated[bool, BOOLEAN]
Text = Annotated[str, TEXT]


class Settings(BaseSettings):
    """Every setting, valid and complete; `load_settings` makes one from the outside.

    An attribute is named like the setting, with underscores. `app_settings` maps full names
    (`app.settings.x`) to texts. `jwt_secret` is as it was given, before base64 is decoded.
    `db_uri` and `db_direct_uri` hold the password of `db_password` where they had none of their own.
    File modes are integers. `role_settings` and `role_isolation_levels` hold, for the roles that the
    gateway may take, what the database sets for them.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    db_password: Annotated[
        str | None,
        TEXT,
        About(
            "The password for db-uri and db-direct-uri where they carry none.",
            "secret",
            ours=True,
            secret=True,
            any_file=True,
        ),
    ] = Field(default=None, repr=False)
    db_uri: Annotated[
        Text,
        About(
            "How requests reach the database: a libpq connection string, possibly of a pooler.",
            "postgresql://authenticator@localhost:5432/postgres",
            secret=True,
            any_file=True,
        ),
    ] = Field(default="postgresql://", repr=False)
    db_direct_uri: Annotated[
        Text,
        About(
            "A connection string past the pooler, for the catalog and notifications. Left out, it is db-uri.",
            "postgresql://authenticator@localhost:5432/postgres",
            ours=True,
            secret=True,
            any_file=True,
        ),
    ] = Field(default="", repr=False)
    db_schemas: Annotated[
        tuple[str, ...],
        SCHEMAS,
        About(
            "The schemas that become the API; the first one is the default.",
            "api",
            reloadable=True,
            in_database=True,
            spellings=("db-schemas", "db-schema"),
        ),
    ] = ("public",)
    db_anon_role: Annotated[
        str | None,
        TEXT,
        About(
            "The role of requests without a token. Left out, every request needs a token.",
            "api_anon",
            reloadable=True,
            in_database=True,
        ),
    ] = None
    db_extra_search_path: Annotated[
        tuple[str, ...],
        EMPTYABLE_LIST,
        About(
            "Schemas that are searched after the API's own, for what extensions provide. They get no endpoints.",
            "public, extensions",
            reloadable=True,
            in_database=True,
        ),
    ] = ("public",)
    db_pre_request: Annotated[
        QualifiedName | None,
        FUNCTION,
        About(
            "A function called at the start of every request's transaction, after role and claims are set.",
            "public.check_request",
            reloadable=True,
            in_database=True,
            spellings=("db-pre-request", "pre-request"),
        ),
    ] = None
    db_root_spec: Annotated[
        QualifiedName | None,
        FUNCTION,
        About(
            "A function whose result is the answer at / in place of the generated OpenAPI document.",
            "api.root",
            reloadable=True,
            in_database=True,
            spellings=("db-root-spec", "root-spec"),
        ),
    ] = None
    db_max_rows: Annotated[
        int | None,
        whole(0, MOST_ROWS),
        About(
            "The most rows that one answer holds, whatever the client asks for. Left out, there is no limit.",
            "1000",
            reloadable=True,
            in_database=True,
            spellings=("db-max-rows", "max-rows"),
        ),
    ] = None
    db_tx_end: Annotated[
        TransactionEnd,
        TRANSACTION_END,
        About(
            "How transactions end, and whether clients may choose otherwise with Prefer: tx=commit or tx=rollback.",
            "commit-allow-override",
            in_database=True,
        ),
    ] = TransactionEnd.COMMIT
    db_plan_enabled: Annotated[
        Boolean,
        About(
            "Whether clients may ask for the execution plan of a request.", "true", reloadable=True, in_database=True
        ),
    ] = False
    db_aggregates_enabled: Annotated[
        Boolean,
        About("Whether clients may use aggregate functions in select.", "true", reloadable=True, in_database=True),
    ] = False
    db_hoisted_tx_settings: Annotated[
        tuple[str, ...],
        LIST,
        About(
            "The settings of a function that hold for the whole transaction of a call, not for the function alone.",
            "statement_timeout, work_mem",
            reloadable=True,
            in_database=True,
        ),
    ] = ("statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation")
    db_prepared_statements: Annotated[
        Boolean,
        About(
            "Whether statements are prepared. Turn it off behind a pooler that cannot keep prepared statements.",
            "false",
            reloadable=True,
            in_database=True,
        ),
    ] = True
    db_max_prepared: Annotated[
        AtLeastOne,
        About(
            "How many statements a connection keeps prepared; keep it below the pooler's max_prepared_statements.",
            "150",
            ours=True,
        ),
    ] = 150
    db_channel: Annotated[Text, About("The channel on which NOTIFY asks for a reload.", "pgrst", reloadable=True)] = (
        "pgrst"
    )
    db_channel_enabled: Annotated[
        Boolean, About("Whether the gateway listens on db-channel.", "false", reloadable=True)
    ] = True
    db_config: Annotated[
        Boolean, About("Whether the database may hold settings as well.", "false", reloadable=True)
    ] = True
    db_pre_config: Annotated[
        QualifiedName | None,
        FUNCTION,
        About(
            "A function that puts settings in place with set_config('pgrst.…').",
            "public.pre_config",
            reloadable=True,
            in_database=True,
        ),
    ] = None
    db_pool: Annotated[AtLeastOne, About("The most connections to the database.", "20")] = 10
    db_pool_acquisition_timeout: Annotated[
        Whole, About("How many seconds a request waits for a free connection before it is answered with 504.", "5")
    ] = 10
    db_pool_max_waiting: Annotated[
        int | None,
        whole(0),
        About(
            "How many requests may wait for a connection; more are answered with 503 at once, unless it is 0. Left out,"
            " it is 16 for each connection, and 320 at least.",
            "1000",
            ours=True,
        ),
    ] = None
    db_pool_max_per_role: Annotated[
        int | None,
        whole(1),
        About(
            "The most connections that requests of one role hold. Left out, one in five is kept from each role, of a"
            " db-pool of 4 and more.",
            "15",
            ours=True,
        ),
    ] = None
    db_pool_max_lifetime: Annotated[
        Whole, About("After how many seconds a connection is replaced by a new one.", "3600")
    ] = 1800
    db_pool_max_idletime: Annotated[
        Whole,
        About(
            "After how many idle seconds a connection is closed.",
            "60",
            spellings=("db-pool-timeout", "db-pool-max-idletime"),
        ),
    ] = 30
    db_pool_automatic_recovery: Annotated[
        Boolean,
        About(
            "Whether a lost database is waited for. Without it the process ends when the connection is lost.",
            "false",
            reloadable=True,
        ),
    ] = True

    jwt_aud: Annotated[
        str | None,
        AUDIENCE,
        About(
            "The audience that a token must name, if it names any.",
            "https://api.example.com",
            reloadable=True,
            in_database=True,
        ),
    ] = None
    jwt_role_claim_key: Annotated[
        Text,
        About(
            "Where in a token's claims the role stands: a JSONPath (RFC 9535).",
            "$.realm.roles[0]",
            reloadable=True,
            in_database=True,
            spellings=("jwt-role-claim-key", "role-claim-key"),
        ),
    ] = "$.role"
    jwt_secret_is_base64: Annotated[
        Boolean,
        About(
            "Whether jwt-secret is base64.",
            "true",
            reloadable=True,
            in_database=True,
            spellings=("jwt-secret-is-base64", "secret-is-base64"),
        ),
    ] = False
    jwt_secret: Annotated[
        bytes | None,
        SECRET,
        About(
            "The key that verifies tokens: a text of at least 32 characters, a JSON Web Key, a key set, or @path.",
            "@/run/secrets/jwt_secret",
            reloadable=True,
            in_database=True,
            secret=True,
            any_file=True,
        ),
    ] = Field(default=None, repr=False)
    jwt_default_role: Annotated[
        str | None,
        TEXT,
        About(
            "The role of a valid token that names none. Left out, it is db-anon-role.",
            "api_user",
            ours=True,
            reloadable=True,
        ),
    ] = None
    jwt_cache_max_entries: Annotated[
        Whole,
        About(
            "How many verified tokens are remembered; 0 verifies each request's anew.",
            "0",
            reloadable=True,
            in_database=True,
        ),
    ] = 1000

    auth_login_enabled: Annotated[
        Boolean,
        About("Whether the gateway has users of its own, who log in at /auth/login.", "true", ours=True),
    ] = False
    auth_registration_enabled: Annotated[
        Boolean,
        About("Whether anyone may become a user, at /auth/register.", "true", ours=True, reloadable=True),
    ] = False
    auth_default_role: Annotated[
        Text,
        About("The database role of users who register.", "api_user", ours=True, reloadable=True),
    ] = "api_user"
    auth_token_lifetime: Annotated[
        AtLeastOne,
        About("How many seconds an access token of the login is good.", "900", ours=True, reloadable=True),
    ] = 900
    auth_refresh_lifetime: Annotated[
        AtLeastOne,
        About("After how many seconds a session ends that was not refreshed.", "2592000", ours=True, reloadable=True),
    ] = 30 * 24 * 3600
    auth_signing_key: Annotated[
        bytes | None,
        SECRET,
        About(
            "The key that signs the login's tokens where jwt-secret cannot: a text, a private key, or @path.",
            "@/run/secrets/signing_key",
            ours=True,
            reloadable=True,
            secret=True,
            any_file=True,
        ),
    ] = Field(default=None, repr=False)
    auth_trusted_proxies: Annotated[
        tuple[str, ...],
        NETWORKS,
        About(
            "Addresses and networks of proxies whose X-Forwarded-For is believed when attempts are counted.",
            "172.16.0.0/12",
            ours=True,
            reloadable=True,
        ),
    ] = ()

    log_level: Annotated[
        Literal["crit", "error", "warn", "info", "debug"],
        choice("crit", "error", "warn", "info", "debug"),
        About(
            "What is logged: start and loss of the database, 5xx, 4xx, every request, everything.",
            "info",
            reloadable=True,
        ),
    ] = "error"
    log_query: Annotated[
        Boolean, About("Whether the SQL of each request that is logged is logged too.", "true", reloadable=True)
    ] = False
    log_format: Annotated[
        Literal["text", "json"],
        choice("text", "json"),
        About("Whether a line of the log is text or a JSON object.", "json", ours=True),
    ] = "text"

    openapi_mode: Annotated[
        Literal["follow-privileges", "ignore-privileges", "disabled"],
        choice("follow-privileges", "ignore-privileges", "disabled"),
        About(
            "Whether the OpenAPI document shows what the request's role may use, everything, or is not served.",
            "ignore-privileges",
            reloadable=True,
            in_database=True,
        ),
    ] = "follow-privileges"
    openapi_security_active: Annotated[
        Boolean,
        About("Whether the OpenAPI document describes the token.", "true", reloadable=True, in_database=True),
    ] = False
    openapi_server_proxy_uri: Annotated[
        str | None,
        PROXY_URI,
        About("The address the OpenAPI document names as the API's.", "https://api.example.com", in_database=True),
    ] = None

    openapi_version: Annotated[
        Literal["2.0", "3.1"] | None,
        choice("2.0", "3.1"),
        About(
            "The OpenAPI version of the document at / when a client does not ask for one.",
            "3.1",
            ours=True,
            reloadable=True,
        ),
    ] = None

    server_host: Annotated[
        Text,
        About(
            "The address to listen on: a name, an IP address, or one of * *4 !4 *6 !6 for any of a family.", "127.0.0.1"
        ),
    ] = "!4"
    server_port: Annotated[Port, About("The port to listen on; 0 takes a free one.", "8000")] = 3000
    server_unix_socket: Annotated[
        str | None, TEXT, About("A Unix socket to listen on, in place of address and port.", "/run/autorest/api.sock")
    ] = None
    server_unix_socket_mode: Annotated[int, FILE_MODE, About("The file mode of server-unix-socket.", "666")] = 0o660
    server_reuseport: Annotated[
        Boolean, About("Whether several processes may listen on one port (SO_REUSEPORT).", "true")
    ] = False
    server_workers: Annotated[AtLeastOne, About("How many processes serve requests.", "4", ours=True)] = 1
    server_cors_allowed_origins: Annotated[
        tuple[str, ...],
        LIST,
        About(
            "The origins whose pages may call the API. Left out, any may.",
            "https://www.example.com, https://app.example.com",
            in_database=True,
        ),
    ] = ()
    server_trace_header: Annotated[
        str | None,
        TEXT,
        About(
            "A request header that is sent back with the answer, to follow a request through several services.",
            "X-Request-Id",
            reloadable=True,
            in_database=True,
        ),
    ] = None
    server_timing_enabled: Annotated[
        Boolean,
        About(
            "Whether answers tell how long each stage took (Server-Timing).", "true", reloadable=True, in_database=True
        ),
    ] = False
    server_compression: Annotated[
        Boolean, About("Whether answers are compressed for clients that accept it.", "false", ours=True)
    ] = True
    server_etags: Annotated[
        Boolean,
        About(
            "Whether reads are answered with an ETag, and If-None-Match and If-Match are heeded.",
            "false",
            ours=True,
            reloadable=True,
        ),
    ] = True
    server_max_body_size: Annotated[
        int, SIZE, About("The largest request body; 0 allows any size.", "1GB", ours=True)
    ] = 256 << 20
    server_request_timeout: Annotated[
        Whole, About("After how many seconds a request is given up; 0 waits as long as it takes.", "60", ours=True)
    ] = 0
    server_header_timeout: Annotated[
        Whole, About("How many seconds a client has to send a request's headers; 0 waits forever.", "10", ours=True)
    ] = 30
    server_shutdown_timeout: Annotated[
        Whole, About("How many seconds requests have to finish when the gateway stops.", "60", ours=True)
    ] = 30
    server_docs_enabled: Annotated[
        Boolean, About("Whether browsers get a page to explore the API at /.", "false", ours=True)
    ] = True

    admin_server_host: Annotated[
        Text, About("The address the admin server listens on. Left out, it is server-host.", "127.0.0.1")
    ] = ""
    admin_server_port: Annotated[
        int | None, whole(0, 65535), About("The port of the admin server. Left out, there is none.", "3001")
    ] = None
    admin_server_unix_socket: Annotated[
        str | None,
        TEXT,
        About("A Unix socket for the admin server, in place of address and port.", "/run/autorest/admin.sock"),
    ] = None
    admin_server_unix_socket_mode: Annotated[
        int, FILE_MODE, About("The file mode of admin-server-unix-socket.", "666")
    ] = 0o660

    client_error_verbosity: Annotated[
        Literal["verbose", "minimal"],
        choice("verbose", "minimal"),
        About(
            "Whether errors tell details and hint, or only code and message.",
            "minimal",
            reloadable=True,
            in_database=True,
        ),
    ] = "verbose"
    url_use_legacy_target_names: Annotated[
        Boolean,
        About(
            "Whether an embedded relation that has an alias can still be filtered by its own name.",
            "false",
            reloadable=True,
            in_database=True,
        ),
    ] = True

    app_settings: Annotated[Mapping[str, str], AfterValidator(MappingProxyType)] = Field(
        default_factory=dict, repr=False
    )
    role_settings: Annotated[Mapping[str, tuple[tuple[str, str], ...]], AfterValidator(MappingProxyType)] = Field(
        default_factory=dict
    )
    role_isolation_levels: Annotated[Mapping[str, str], AfterValidator(MappingProxyType)] = Field(default_factory=dict)

    _warnings: tuple[str, ...] = ()
    _outside: Outside = Outside()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is questionable but not wrong, a sentence each, for the log."""
        return self._warnings

    @property
    def outside(self) -> Outside:
        """What environment and configuration file said."""
        return self._outside

    @property
    def document_version(self) -> str:
        """The OpenAPI version of the document at the root: `openapi_version` where it is given.

        A gateway that is configured in PostgREST's way alone answers as PostgREST does, with 2.0.
        """
        if self.openapi_version is not None:
            return self.openapi_version
        origins = [given.origin for given in self._outside.given.values()]
        return "2.0" if origins and not any(origin.startswith("AUTOREST_") for origin in origins) else "3.1"

    def model_post_init(self, context: Any, /) -> None:
        """Remember what was given, for settings of the database to be laid over it."""
        given = {name: Given(getattr(self, name), "given") for name in self.model_fields_set if name in SETTINGS}
        self._outside = Outside(given, self.app_settings)

    @field_validator("db_uri", "db_direct_uri")
    @classmethod
    def _with_password(cls, conninfo: str, info: ValidationInfo) -> str:
        return with_password(conninfo or info.data.get("db_uri", ""), info.data.get("db_password"))

    @field_validator("jwt_role_claim_key")
    @classmethod
    def _a_path(cls, path: str) -> str:
        check_role_claim_key(path)
        return path

    @field_validator("jwt_secret")
    @classmethod
    def _a_key(cls, secret: bytes | None, info: ValidationInfo) -> bytes | None:
        if secret is not None and "jwt_secret_is_base64" in info.data:
            check_jwt_secret(secret, info.data["jwt_secret_is_base64"])
        return secret

    @field_validator("auth_signing_key")
    @classmethod
    def _a_signing_key(cls, key: bytes | None) -> bytes | None:
        if key is not None:
            check_signing_key(key)
        return key

    @field_validator("server_reuseport")
    @classmethod
    def _supported(cls, reuseport: bool) -> bool:
        if reuseport and not hasattr(socket, "SO_REUSEPORT"):
            raise Unfit("this operating system has no SO_REUSEPORT, it must be false")
        return reuseport

    @field_validator("admin_server_host")
    @classmethod
    def _like_server_host(cls, host: str, info: ValidationInfo) -> str:
        return host or str(info.data.get("server_host", ""))

    @field_validator("admin_server_port")
    @classmethod
    def _another_port(cls, port: int | None, info: ValidationInfo) -> int | None:
        if port and port == info.data.get("server_port"):
            raise Unfit(f"{port} is also the server-port, it must be another one")
        return port

    @field_validator("app_settings")
    @classmethod
    def _names_sql_can_read(cls, settings: Mapping[str, str]) -> Mapping[str, str]:
        for name in settings:
            if not _SQL_SETTING.fullmatch(name):
                raise Unfit(f"current_setting cannot read {name}, its name must be letters, digits and _")
        return settings

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the values from `sources`, where given, the first one winning; never from this process alone."""
        sources = init_settings.init_kwargs.pop("sources", ()) if isinstance(init_settings, InitSettingsSource) else ()
        return (init_settings, *sources)


def _described() -> dict[str, Setting]:
    described = {}
    for attribute, field in Settings.model_fields.items():
        notes = {type(note): note for note in field.metadata}
        if About in notes:
            described[attribute] = Setting(attribute, notes[Kind], notes[About], field.get_default())
    return described


#: Every setting with a key of its own, by attribute.
SETTINGS: Mapping[str, Setting] = MappingProxyType(_described())
