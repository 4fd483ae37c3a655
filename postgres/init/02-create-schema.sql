-- The schema that is served. Every table and view in it is an endpoint, every function one under
-- /rpc/. Comments are shown in the API's documentation.

set client_min_messages = warning;

begin;

create schema if not exists api;
comment on schema api is E'autorest\n\nEvery table and view of this schema is an endpoint, every function one under /rpc/.';

create table if not exists api.todos (
  id         uuid        not null default gen_random_uuid(),
  title      text        not null,
  completed  boolean     not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint todos_pkey primary key (id),
  constraint todos_title_not_blank check (title ~ '\S'),
  constraint todos_title_length check (char_length(title) <= 500)
);
comment on table api.todos is E'Todos\n\nThings to do. Anyone may read, create, change and delete them.';
comment on column api.todos.id is 'Identifies the todo; made by the database when none is given.';
comment on column api.todos.title is 'What is to be done: 1 to 500 characters, not only blanks.';
comment on column api.todos.completed is 'Whether it is done.';
comment on column api.todos.created_at is 'When the todo was created.';
comment on column api.todos.updated_at is 'When the todo last changed; kept by the database.';

create index if not exists todos_created_at_idx on api.todos (created_at);

create or replace trigger todos_touch_updated_at before update on api.todos
  for each row when (old.* is distinct from new.*) execute function autorest.touch_updated_at();

alter table api.todos enable row level security;

-- The claims of a request's token are the setting `request.jwt.claims`: JSON, empty or absent
-- where there is no token.
create table if not exists api.notes (
  id         uuid        not null default gen_random_uuid(),
  owner      text        not null default (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'),
  title      text        not null,
  body       text        not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint notes_pkey primary key (id),
  constraint notes_owner_not_blank check (owner ~ '\S'),
  constraint notes_title_not_blank check (title ~ '\S'),
  constraint notes_title_length check (char_length(title) <= 500)
);
comment on table api.notes is E'Notes\n\nPrivate notes: whoever has a token sees and changes only their own.';
comment on column api.notes.id is 'Identifies the note; made by the database when none is given.';
comment on column api.notes.owner is 'Whose note it is: the claim `sub` of the token that created it.';
comment on column api.notes.title is 'What the note is about: 1 to 500 characters, not only blanks.';
comment on column api.notes.body is 'The note itself.';
comment on column api.notes.created_at is 'When the note was created.';
comment on column api.notes.updated_at is 'When the note last changed; kept by the database.';

create index if not exists notes_owner_created_at_idx on api.notes (owner, created_at);

create or replace trigger notes_touch_updated_at before update on api.notes
  for each row when (old.* is distinct from new.*) execute function autorest.touch_updated_at();

alter table api.notes enable row level security;

commit;
