-- Streams by name: prefix, name after which or null, most rows.
select stream, version, last_activity
from {functions}.stream_list($1, $2, $3)
