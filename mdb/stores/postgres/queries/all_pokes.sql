-- Notices of everything: above this global position, up to this one, most rows.
select stream_name, "position", global_position
from {functions}.all_pokes($1, $2, $3)
