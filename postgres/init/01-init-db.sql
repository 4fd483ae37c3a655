-- The database itself: who may enter, and how the gateway learns that it changed.
--
-- Run as superuser, connected to the database that the gateway serves (`app`). PostgreSQL 15 to 18,
-- no extensions. The three files of this folder are applied in order of their names, and can be
-- applied again at any time: they bring back what they describe and touch nothing else.

set client_min_messages = warning;

begin;

-- Nobody enters the database or adds objects to `public` by default; 03-create-roles.sql lets in the
-- role that should.
do $$
begin
  execute format('revoke connect on database %I from public', current_database());
end
$$;
revoke create on schema public from public;

-- What the environment needs for itself and the API must not show.
create schema if not exists autorest;
comment on schema autorest is 'What the environment needs in the database; not served.';

-- The gateway listens on channel `pgrst` and reads the catalog anew when this arrives. PostgreSQL
-- sends one notification per transaction, however often this runs in it, and only if it commits.
-- Temporary objects are never served, so they are not worth a reload.
create or replace function autorest.notify_of_ddl() returns event_trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  worth_a_reload boolean;
begin
  if tg_event = 'sql_drop' then
    select bool_or(not is_temporary) into worth_a_reload from pg_catalog.pg_event_trigger_dropped_objects();
  else
    select bool_or(schema_name is distinct from 'pg_temp') into worth_a_reload
    from pg_catalog.pg_event_trigger_ddl_commands();
  end if;

  if worth_a_reload then
    perform pg_catalog.pg_notify('pgrst', 'reload schema');
  end if;
end
$$;
comment on function autorest.notify_of_ddl() is 'Tells the gateway that the catalog changed.';

drop event trigger if exists autorest_ddl_end;
create event trigger autorest_ddl_end on ddl_command_end execute function autorest.notify_of_ddl();

drop event trigger if exists autorest_drop;
create event trigger autorest_drop on sql_drop execute function autorest.notify_of_ddl();

-- For tables with a column `updated_at`: fires only when the row really changes.
create or replace function autorest.touch_updated_at() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.updated_at := pg_catalog.now();
  return new;
end
$$;
comment on function autorest.touch_updated_at() is 'Row trigger: sets updated_at to the time of the transaction.';

commit;
