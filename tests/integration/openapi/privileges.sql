-- Every way to a privilege, and what looks like one.
drop role if exists openapi_owner, openapi_member, openapi_reader;
create role openapi_owner;
create role openapi_member in role openapi_owner;
create role openapi_reader;

create schema "Odd ""Schema""";
comment on schema "Odd ""Schema""" is E'Odd\n\nbut served.';
set search_path = "Odd ""Schema""";

create type mood as enum ('good', 'bad');
create domain name_of_thing as text;

create table all_of_it (a integer, b text);
create table read_only (a integer);
create table some_columns (a integer, b text);
create table truncate_only (a integer);
create table nothing_granted (a integer);
create table "with ""quotes"" and spaces" (a integer);
create table parts (a integer) partition by range (a);
create table part_1 partition of parts for values from (0) to (10);
create view a_view as select 1 as a;
create materialized view a_materialized_view as select 1 as a;
create sequence a_sequence;
create table owned (a integer);

grant all on all_of_it, part_1 to openapi_reader;
grant select on read_only, "with ""quotes"" and spaces", parts, a_view, a_materialized_view, a_sequence to openapi_reader;
grant select (a), update (b) on some_columns to openapi_reader;
grant truncate on truncate_only to openapi_reader;
alter table owned owner to openapi_owner;

create function for_all(integer, text) returns integer language sql as 'select 1';
create function overloaded(integer) returns integer language sql as 'select 1';
create function overloaded(mood, name_of_thing[], variadic character varying[]) returns integer language sql as 'select 1';
create function with_out(in a integer, out b integer, inout c text) language sql as 'select 1, c';
create procedure a_procedure() language sql as '';
create aggregate an_aggregate(integer) (sfunc = int4pl, stype = integer);

revoke execute on all functions in schema "Odd ""Schema""" from public;
grant execute on function for_all, overloaded(mood, name_of_thing[], character varying[]), with_out to openapi_reader;
grant execute on procedure a_procedure to openapi_reader;
grant execute on function an_aggregate to openapi_reader;
reset search_path;
