-- Where the import comes from that keeps the namespace closed; null where it is open.
select obj_description(t.oid, 'pg_trigger')
from pg_trigger t
where t.tgrelid = '{schema}.messages'::regclass and t.tgname = 'mdb_importing'
