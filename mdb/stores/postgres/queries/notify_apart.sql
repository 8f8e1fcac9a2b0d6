-- Tells other servers what was written before: names of schemas. For a transaction of its own alone,
-- which does not wait for the disk: a notification that a crash takes with it is made good by looking
-- now and then.
select set_config('synchronous_commit', 'off', true), count(pg_notify('mdb', name))
from unnest($1::text[]) name
