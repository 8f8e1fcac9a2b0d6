-- Where a stream has messages above a global position: name, global position, most rows.
select global_position, "position", stream_name
from {functions}.stream_pokes($1, $2, $3)
