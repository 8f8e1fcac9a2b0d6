-- Tells other servers that something was written: names of schemas. A notification that a crash takes
-- with it is made good by looking now and then, so the disk is not waited for.
select set_config('synchronous_commit', 'off', true), count(pg_notify('mdb', name))
from unnest($1::text[]) name
