-- The same of the whole namespace: global position, most rows.
select global_position, "position", stream_name
from {functions}.all_pokes($1, $2)
