-- The users of the gateway's own login, and the only ways to them.
--
-- Nothing here is served: `auth` is not among the schemas of the API, and no role that a request can
-- run as may use it. The gateway calls these functions as `authenticator`, before it becomes anybody;
-- their owner may not log in. Passwords never come here, only their argon2id hashes; of refresh tokens
-- only SHA-256 hashes.
--
-- The search path of each function ends in pg_temp: where that is not named, it is searched for types before
-- everything else, and what an earlier request of the same connection left there would be taken for PostgreSQL's own.

set client_min_messages = warning;

begin;

do $$
begin
  if not exists (select from pg_roles where rolname = 'autorest_auth') then
    create role autorest_auth;
  end if;
  if exists (select from pg_namespace where nspname = 'auth' and nspowner <> 'autorest_auth'::regrole) then
    raise exception 'there is a schema auth already, and it is another one'
      using hint = 'The login needs a schema of this name for itself: rename the other one, or do without the login.';
  end if;
end
$$;
alter role autorest_auth nologin noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
comment on role autorest_auth is 'Owns the users of the gateway''s login; nobody can become it.';

create schema if not exists auth;
alter schema auth owner to autorest_auth;
revoke all on schema auth from public;
grant usage on schema auth to authenticator;
comment on schema auth is 'Users and sessions of the gateway''s login; not served.';

create table if not exists auth.users (
  id            uuid        not null default gen_random_uuid(),
  email         text        not null,
  password_hash text        not null,
  role          text        not null,
  disabled      boolean     not null default false,
  created_at    timestamptz not null default now(),
  last_login_at timestamptz,
  constraint users_pkey primary key (id),
  constraint users_email_form check (email ~ '^[^@\s]+@[^@\s]+$' and char_length(email) <= 254),
  constraint users_password_hash_form check (password_hash like '$argon2id$%')
);
create unique index if not exists users_email_key on auth.users (lower(email));
comment on table auth.users is 'Who may log in.';
comment on column auth.users.role is 'The database role that the user''s tokens name.';
comment on column auth.users.password_hash is 'argon2id, made by the gateway.';

create table if not exists auth.sessions (
  id          uuid        not null default gen_random_uuid(),
  user_id     uuid        not null,
  secret_hash bytea       not null,
  created_at  timestamptz not null default now(),
  renewed_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  constraint sessions_pkey primary key (id),
  constraint sessions_user_id_fkey foreign key (user_id) references auth.users on delete cascade
);
create index if not exists sessions_user_id_idx on auth.sessions (user_id);
create index if not exists sessions_expires_at_idx on auth.sessions (expires_at);
comment on table auth.sessions is 'One login and the refresh tokens that came from it, of which only the newest is good.';
comment on column auth.sessions.secret_hash is 'SHA-256 of the newest refresh token''s secret.';

-- Keys are hashed: whoever types a password into the field for the address would else leave it here.
create unlogged table if not exists auth.attempts (
  key           bytea       not null,
  failures      integer     not null default 0,
  last_at       timestamptz not null default now(),
  blocked_until timestamptz not null default '-infinity',
  constraint attempts_pkey primary key (key)
);
create index if not exists attempts_last_at_idx on auth.attempts (last_at);
comment on table auth.attempts is 'Failed logins by account and by network address, to slow down who guesses.';

alter table auth.users owner to autorest_auth;
alter table auth.sessions owner to autorest_auth;
alter table auth.attempts owner to autorest_auth;

-- A request runs as a role of its own, and none of those may be here.
create or replace function auth.refuse_requests() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('role') <> 'none' then
    raise insufficient_privilege using message = 'the schema auth is not for requests';
  end if;
end
$$;

create or replace function auth.attempt_keys(email text, address text) returns bytea[]
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select array_agg(key order by key) from (
    select sha256(convert_to('account ' || lower(email), 'UTF8')) as key
    union all
    select sha256(convert_to('address ' || address, 'UTF8'))
  ) as keys
  where key is not null
$$;

-- Counts an attempt before its password is looked at, so that many at once are not more than ten. The
-- tenth failure in an hour makes the next attempt wait 30 seconds, each further one twice as long as the
-- one before, 15 minutes at most. Returns the seconds still to wait; then nothing was counted.
create or replace function auth.count_attempt(keys bytea[]) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  present constant timestamptz := clock_timestamp();
  blocked timestamptz;
begin
  if random() < 0.01 then
    delete from auth.attempts where key in (
      select key from auth.attempts where last_at < present - interval '1 day' limit 1000 for update skip locked
    );
  end if;

  -- Who must wait leaves no trace of what else they try.
  select max(attempts.blocked_until) into blocked from auth.attempts where attempts.key = any (keys);
  if blocked > present then
    return ceil(extract(epoch from blocked - present));
  end if;

  insert into auth.attempts (key)
    select key from unnest(keys) as key order by key
    on conflict do nothing;
  select max(locked.blocked_until) into blocked from (
    select attempts.blocked_until from auth.attempts where attempts.key = any (keys) order by attempts.key for update
  ) as locked;
  if blocked > present then
    return ceil(extract(epoch from blocked - present));
  end if;

  update auth.attempts set
    failures = counted.failures,
    last_at = present,
    blocked_until = case
      when counted.failures < 10 then '-infinity'
      else present + least(30 * 2 ^ least(counted.failures - 10, 10), 900) * interval '1 second'
    end
  from (
    select key, case when last_at < present - interval '1 hour' then 1 else failures + 1 end as failures
    from auth.attempts where key = any (keys)
  ) as counted
  where attempts.key = counted.key;
  return 0;
end
$$;

-- {"wait": seconds, "id": …, "password_hash": …}; without the latter two if nobody may log in by that name.
create or replace function auth.begin_login(email text, address text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  wait integer;
  found_user auth.users;
begin
  perform auth.refuse_requests();
  wait := auth.count_attempt(auth.attempt_keys(email, address));
  if wait = 0 then
    select * into found_user from auth.users
      where lower(users.email) = lower(begin_login.email) and not disabled;
  end if;
  return jsonb_build_object('wait', wait, 'id', found_user.id, 'password_hash', found_user.password_hash);
end
$$;

-- After the right password: forgives the account, and the address this one attempt; opens a session.
-- {"session": …, "id": …, "email": …, "role": …}, or null if the user may no longer log in.
create or replace function auth.finish_login(
  id uuid, address text, secret_hash bytea, lifetime interval, new_password_hash text
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  found_user auth.users;
  session uuid;
begin
  perform auth.refuse_requests();
  update auth.users set
    last_login_at = now(),
    password_hash = coalesce(new_password_hash, users.password_hash)
  where users.id = finish_login.id and not disabled
  returning * into found_user;
  if not found then
    return null;
  end if;

  perform from auth.attempts where key = any (auth.attempt_keys(found_user.email, address)) order by key for update;
  delete from auth.attempts where key = any (auth.attempt_keys(found_user.email, null));
  update auth.attempts set
    failures = greatest(failures - 1, 0),
    blocked_until = case when failures <= 10 then '-infinity' else blocked_until end
  where key = any (auth.attempt_keys(null, address));

  -- Of one user so many sessions are kept, those that were used last: logging in fills no disk.
  delete from auth.sessions where user_id = found_user.id and (expires_at < now() or sessions.id in (
    select kept.id from auth.sessions as kept where kept.user_id = found_user.id order by kept.renewed_at desc offset 99
  ));
  insert into auth.sessions (user_id, secret_hash, expires_at)
    values (found_user.id, finish_login.secret_hash, now() + lifetime)
    returning sessions.id into session;
  return jsonb_build_object(
    'session', session, 'id', found_user.id, 'email', found_user.email, 'role', found_user.role
  );
end
$$;

-- Exchanges a session's refresh token for the next one. A token that was exchanged before was stolen from
-- its user, or by its user's thief; the session ends for both.
-- {"outcome": "renewed", "id": …, "email": …, "role": …}, or "reused" or "unknown".
create or replace function auth.renew_session(session uuid, secret_hash bytea, next_hash bytea, lifetime interval)
returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  current_session auth.sessions;
  found_user auth.users;
begin
  perform auth.refuse_requests();
  select * into current_session from auth.sessions where id = session and expires_at > now() for update;
  if not found then
    return jsonb_build_object('outcome', 'unknown');
  end if;
  select * into found_user from auth.users where id = current_session.user_id;
  if current_session.secret_hash <> renew_session.secret_hash or found_user.disabled then
    delete from auth.sessions where id = session;
    return jsonb_build_object(
      'outcome', case when found_user.disabled then 'unknown' else 'reused' end, 'id', found_user.id
    );
  end if;
  update auth.sessions set
    secret_hash = next_hash, renewed_at = now(), expires_at = now() + lifetime
  where id = session;
  return jsonb_build_object(
    'outcome', 'renewed', 'id', found_user.id, 'email', found_user.email, 'role', found_user.role
  );
end
$$;

create or replace function auth.end_session(session uuid) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.refuse_requests();
  delete from auth.sessions where id = session;
  return to_jsonb(found);
end
$$;

-- {"id": …, "email": …, "role": …, "created_at": …, "last_login_at": …}, or null.
create or replace function auth.find_user(id uuid) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform auth.refuse_requests();
  return (
    select to_jsonb(users) - array['password_hash', 'disabled']
    from auth.users where users.id = find_user.id and not disabled
  );
end
$$;

-- {"wait": seconds}: registrations are counted by address as failed logins are, but apart from those.
create or replace function auth.begin_registration(address text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.refuse_requests();
  return jsonb_build_object('wait', auth.count_attempt(auth.attempt_keys(null, 'registering ' || address)));
end
$$;

-- {"id": …}, or null if there is a user of that name. The role must be one that the caller may become.
create or replace function auth.add_user(email text, password_hash text, role text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  added uuid;
begin
  perform auth.refuse_requests();
  if not exists (
    select from pg_catalog.pg_roles
    where rolname = add_user.role and not rolsuper and rolname <> session_user
      and pg_has_role(session_user, oid, 'member')
  ) then
    raise invalid_parameter_value using
      message = format('a user cannot have the role "%s"', add_user.role),
      hint = format('It must exist, be no superuser, and be granted to "%s".', session_user);
  end if;
  insert into auth.users (email, password_hash, role)
    values (add_user.email, add_user.password_hash, add_user.role)
    on conflict (lower(email)) do nothing
    returning users.id into added;
  return case when added is not null then jsonb_build_object('id', added) end;
end
$$;

-- true, or false if there is no such user. A new password ends every session.
create or replace function auth.set_password(email text, password_hash text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  changed uuid;
begin
  perform auth.refuse_requests();
  update auth.users set password_hash = set_password.password_hash
    where lower(users.email) = lower(set_password.email)
    returning id into changed;
  delete from auth.sessions where user_id = changed;
  delete from auth.attempts where key = any (auth.attempt_keys(set_password.email, null));
  return to_jsonb(changed is not null);
end
$$;

-- true, or false if there is no such user. Who is disabled has no session any more.
create or replace function auth.set_disabled(email text, disabled boolean) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  changed uuid;
begin
  perform auth.refuse_requests();
  update auth.users set disabled = set_disabled.disabled
    where lower(users.email) = lower(set_disabled.email)
    returning id into changed;
  if set_disabled.disabled then
    delete from auth.sessions where user_id = changed;
  end if;
  return to_jsonb(changed is not null);
end
$$;

create or replace function auth.list_users() returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.refuse_requests();
  return (
    select coalesce(jsonb_agg(to_jsonb(users) - 'password_hash' order by users.email), '[]')
    from auth.users
  );
end
$$;

do $$
declare
  routine regprocedure;
begin
  for routine in select oid from pg_proc where pronamespace = 'auth'::regnamespace loop
    execute format('alter function %s owner to autorest_auth', routine);
    execute format('revoke all on function %s from public', routine);
  end loop;
end
$$;
grant execute on function
  auth.begin_login(text, text),
  auth.finish_login(uuid, text, bytea, interval, text),
  auth.renew_session(uuid, bytea, bytea, interval),
  auth.end_session(uuid),
  auth.find_user(uuid),
  auth.begin_registration(text),
  auth.add_user(text, text, text),
  auth.set_password(text, text),
  auth.set_disabled(text, boolean),
  auth.list_users()
to authenticator;

commit;
