-- Streams by name: prefix, name after which, most rows; the time in microseconds since 1970.
select
  stream,
  version,
  (extract(epoch from last_activity) * 1000000)::bigint as last_activity
from {functions}.stream_list($1, $2, $3)
