-- Whether anything was ever applied to this database.
select to_regclass('{registry}.schema_migrations') is not null
