-- Tells other servers that something was written: names of schemas. In whatever transaction it runs.
select pg_notify('mdb', name) from unnest($1::text[]) name
