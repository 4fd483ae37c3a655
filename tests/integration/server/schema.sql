-- What the tests of the server ask for.
DO $$ BEGIN
    CREATE ROLE server_authenticator LOGIN NOINHERIT PASSWORD 'right';
    CREATE ROLE server_anon; CREATE ROLE server_user;
    GRANT server_anon, server_user TO server_authenticator;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
CREATE SCHEMA api;
CREATE SCHEMA other;
GRANT USAGE ON SCHEMA api, other TO server_anon, server_user;
CREATE TABLE api.items (id int PRIMARY KEY, name text);
INSERT INTO api.items SELECT n, 'item ' || n FROM generate_series(1, 5) n;
CREATE TABLE api.written (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client int, number int, UNIQUE (client, number));
CREATE TABLE api.secrets (id int PRIMARY KEY);
CREATE TABLE other.items (id int PRIMARY KEY, note text);
GRANT ALL ON api.items, api.written TO server_anon, server_user;
GRANT SELECT ON api.secrets TO server_user;
GRANT SELECT, INSERT ON other.items TO server_anon;
CREATE VIEW api.many AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 3000) n;
GRANT SELECT ON api.many TO server_anon;
CREATE FUNCTION api.sleep(seconds float) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(seconds)';
CREATE FUNCTION api.setting(name text) RETURNS text LANGUAGE sql AS 'SELECT current_setting(name, true)';
CREATE FUNCTION api.broken() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '57014', HINT = 'a hint'; END $$;
CREATE FUNCTION api.status(code int) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('response.status', code::text, true); END $$;
