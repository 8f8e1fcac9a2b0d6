-- Whether a schema exists: name.
select exists (select from pg_namespace where nspname = $1)
