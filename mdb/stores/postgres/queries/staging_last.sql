-- The last positions staged of some streams: names.
select x.s as stream_name, (select last from pg_temp.mdb_import_streams where stream_name = x.s)
from unnest($1::text[]) as x (s)
