-- Everything that was staged becomes messages.
insert into {schema}.messages (
  global_position, "position", "time", stream_name, type, data, metadata, id
)
select global_position, "position", "time", stream_name, type, data, metadata, id
from pg_temp.mdb_import
