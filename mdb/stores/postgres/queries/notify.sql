-- Tells other servers that something was written: names of schemas.
select pg_notify('mdb', name) from unnest($1::text[]) name
