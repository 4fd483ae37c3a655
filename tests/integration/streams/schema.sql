CREATE ROLE streams_authenticator LOGIN NOINHERIT;
CREATE ROLE streams_anon;
CREATE ROLE streams_hasty;
GRANT streams_anon, streams_hasty TO streams_authenticator;
ALTER ROLE streams_hasty SET statement_timeout = '700ms';
CREATE SCHEMA api;
CREATE SCHEMA hidden;
GRANT USAGE ON SCHEMA api, hidden TO streams_anon, streams_hasty;

CREATE TABLE api.big (
    id int PRIMARY KEY,
    title text,
    digest text NOT NULL,
    done bool NOT NULL,
    amount numeric NOT NULL,
    created_at timestamptz NOT NULL,
    data json NOT NULL
);
INSERT INTO api.big
SELECT g, CASE WHEN g % 10 > 0 THEN 'a "title", ' || g || ' größer' END, md5(g::text), g % 2 = 0, g * 1.5,
    '2026-01-01'::timestamptz + g * interval '1 s', E'{"a":\n [1,\r\n2]}'
FROM generate_series(1, 60000) AS g;

-- 1,000,000 rows of some 200 bytes that are nowhere stored.
CREATE VIEW api.million AS
SELECT g AS id, md5(g::text) AS digest, repeat('x', 140) AS note FROM (SELECT generate_series(1, 1000000) AS g) AS numbers;

CREATE VIEW api.wide AS SELECT g AS id, repeat(md5(g::text), 32768) AS note FROM generate_series(1, 200) AS g;

CREATE VIEW api.failing AS
SELECT g AS id, repeat('x', 100) AS note, 1 / (500000 - g) AS quotient
FROM (SELECT generate_series(1, 1000000) AS g) AS numbers;

-- The first rows come at once, the others never.
CREATE FUNCTION hidden.rested(id int) RETURNS int LANGUAGE plpgsql STABLE COST 1 AS $$
BEGIN
    IF id = 20000 THEN
        PERFORM pg_sleep(60);
    END IF;
    RETURN id;
END $$;
CREATE VIEW api.stalling AS
SELECT hidden.rested(g) AS id, repeat('x', 100) AS note FROM (SELECT generate_series(1, 30000) AS g) AS numbers;

CREATE TABLE api.small (id int PRIMARY KEY, name text, "größe" numeric, tags text[], nothing text);
INSERT INTO api.small VALUES
    (1, 'one', 1.50, '{a,b}', NULL), (2, E'two\nlines, "quoted"', NULL, NULL, NULL), (3, '', 0, '{}', NULL);
CREATE TABLE api.parts (
    id int PRIMARY KEY, small_id int REFERENCES api.small, label text
);
INSERT INTO api.parts VALUES (1, 1, 'p1'), (2, 1, 'p2'), (3, 2, NULL);
CREATE TABLE api.nothing (id int PRIMARY KEY, name text);
CREATE TABLE api.growing (id int PRIMARY KEY, note text);
INSERT INTO api.growing VALUES (1, 'first');

CREATE FUNCTION api.some_numbers(most int) RETURNS SETOF int LANGUAGE sql STABLE AS
    $$ SELECT nullif(g, 2) FROM generate_series(1, most) AS g $$;
CREATE FUNCTION api.some_arrays() RETURNS SETOF int[] LANGUAGE sql STABLE AS
    $$ VALUES ('{1,2}'::int[]), (NULL), ('{3}') $$;
CREATE FUNCTION api.some_json() RETURNS SETOF json LANGUAGE sql STABLE AS
    $$ VALUES ('{"a" : 1}'::json), ('null'), (E'[1,\n 2]') $$;
CREATE FUNCTION api.some_rows(most int) RETURNS SETOF api.big LANGUAGE sql STABLE AS
    $$ SELECT * FROM api.big WHERE id <= most $$;
CREATE FUNCTION api.a_table(most int) RETURNS TABLE (n int, label text) LANGUAGE sql STABLE AS
    $$ SELECT g, 'label ' || g FROM generate_series(1, most) AS g $$;
CREATE FUNCTION api.telling(most int) RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('response.headers', '[{"X-Told": "by the rows"}]', true), set_config('response.status', '203', true);
    RETURN QUERY SELECT g FROM generate_series(1, most) AS g;
END $$;

-- What it says depends on the request, as SQL sees it.
CREATE FUNCTION hidden.before_request() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    headers json := current_setting('request.headers')::json;
BEGIN
    PERFORM set_config('response.headers', coalesce(headers ->> 'x-headers', ''), true);
    PERFORM set_config('response.status', coalesce(headers ->> 'x-status', ''), true);
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA api TO streams_anon, streams_hasty;
ANALYZE;
