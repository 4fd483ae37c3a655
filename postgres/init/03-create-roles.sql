-- The roles, and who may do what. The gateway connects as `authenticator` and becomes, for the length
-- of one request, the role that the token names: `api_user` if it names none, `api_anon` without a token.
--
-- No password stands here: whoever sets the environment up gives `authenticator` its own.

set client_min_messages = warning;

begin;

do $$
declare
  wanted text;
begin
  foreach wanted in array array['authenticator', 'api_anon', 'api_user'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I', wanted);
    end if;
  end loop;

  execute format('grant connect on database %I to authenticator', current_database());
end
$$;

-- NOINHERIT: by itself `authenticator` may do nothing but become one of the roles granted to it.
alter role authenticator login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role api_anon nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role api_user nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
comment on role authenticator is 'The only role the gateway connects as; may become api_anon, api_user and what else is granted to it.';
comment on role api_anon is 'A request without a token.';
comment on role api_user is 'A request with a valid token that names no other role.';

grant api_anon, api_user to authenticator;

grant usage on schema api to api_anon, api_user;
grant select, insert, update, delete on api.todos to api_anon, api_user;
grant select, insert, update, delete on api.notes to api_user;

drop policy if exists todos_for_everyone on api.todos;
create policy todos_for_everyone on api.todos to api_anon, api_user using (true) with check (true);

-- The claim is read in a subquery so that PostgreSQL reads it once a statement, not once a row.
drop policy if exists notes_for_their_owner on api.notes;
create policy notes_for_their_owner on api.notes to api_user
  using (owner = (select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'))
  with check (owner = (select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'));

-- A new table in `api` becomes an endpoint at once, but nobody may use it before somebody said who:
--
--   grant select on api.books to api_anon;                          -- everyone reads
--   grant select, insert, update, delete on api.books to api_user;  -- who has a token also writes
--
-- Until then requests are answered 401 or 403. There are no default privileges on tables and views on
-- purpose. A table starts without row-level security, so a privilege that comes by itself would show
-- every row of every table to the whole world from the moment of its creation, and nobody would have
-- decided that. Sequences are different: without USAGE an INSERT into a table with a `serial` column
-- fails although INSERT was granted, and all that can be done with it is to skip numbers.
alter default privileges in schema api grant usage on sequences to api_anon, api_user;

-- Functions are PostgreSQL's exception: everyone may execute a new one. It runs with the caller's
-- rights, so that is safe, unless it is SECURITY DEFINER; then, in the transaction that creates it:
--
--   revoke execute on function api.f() from public;
--   grant execute on function api.f() to api_user;

commit;
