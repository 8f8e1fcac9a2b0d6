-- The namespace takes writes again.
drop trigger mdb_importing on {schema}.messages;

drop function {schema}.mdb_importing()
