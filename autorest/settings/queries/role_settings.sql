-- Settings of the roles that the gateway may take, with the context in which each may be changed.
SELECT taken.rolname AS role,
       known.name,
       substr(entry.setting, position('=' IN entry.setting) + 1) AS value,
       known.context = 'user' AS for_anyone
  FROM pg_catalog.pg_db_role_setting AS stored
  JOIN pg_catalog.pg_roles AS taken ON taken.oid = stored.setrole
 CROSS JOIN LATERAL unnest(stored.setconfig) AS entry(setting)
  JOIN pg_catalog.pg_settings AS known
    ON lower(known.name) = lower(substr(entry.setting, 1, position('=' IN entry.setting) - 1))
 WHERE taken.rolname <> current_user
   AND pg_has_role(current_user, taken.oid, 'MEMBER')
   AND stored.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
 ORDER BY taken.rolname, stored.setdatabase
