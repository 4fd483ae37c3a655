"""One configuration and one catalog, as all requests of one moment see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from autorest.catalog.model import Catalog
from autorest.openapi.root import Documents
from autorest.request.model import ApiRequest
from autorest.request.request import RequestSettings
from autorest.settings import Settings
from autorest.sql.transaction import Defaults, Session
from autorest.template import DatabasePlan, Template, TemplateCache


@dataclass(frozen=True)
class Snapshot:
    """One configuration and one catalog, and what requests under them share. Never changed, only replaced."""

    settings: Settings
    catalog: Catalog | None
    defaults: Defaults = field(default_factory=Defaults)
    templates: TemplateCache = field(default_factory=TemplateCache)
    documents: Documents = field(default_factory=Documents)

    @cached_property
    def request_settings(self) -> RequestSettings:
        return RequestSettings(
            schemas=self.settings.db_schemas,
            allow_transaction_override=self.settings.db_tx_end.allow_override,
            openapi_disabled=self.settings.openapi_mode == "disabled",
            root_spec=self.settings.db_root_spec,
            conditional=self.settings.server_etags,
        )

    @cached_property
    def session(self) -> Session:
        return Session(
            extra_search_path=self.settings.db_extra_search_path,
            role_settings=self.settings.role_settings,
            role_isolation=self.settings.role_isolation_levels,
            app_settings=tuple(self.settings.app_settings.items()),
            pre_request=self.settings.db_pre_request,
            defaults=self.defaults,
        )

    def template(self, plan: DatabasePlan, request: ApiRequest, *, ranged: bool) -> Template:
        """Render a plan; `ranged` tells whether requests of its shape can ask for less than all rows."""
        return Template.of(
            plan,
            request,
            ranged=ranged,
            max_rows=self.max_rows,
            rollback_all=self.settings.db_tx_end.rollback_all,
            verbose=self.verbose,
            etags=self.settings.server_etags,
        )

    @cached_property
    def max_rows(self) -> int | None:
        return self.settings.db_max_rows

    @cached_property
    def verbose(self) -> bool:
        return self.settings.client_error_verbosity == "verbose"
