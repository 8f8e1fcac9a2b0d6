-- Notices of a stream: name, least position, above this global position, up to this one, most rows.
select stream_name, "position", global_position
from {functions}.stream_pokes($1, $2, $3, $4, $5)
