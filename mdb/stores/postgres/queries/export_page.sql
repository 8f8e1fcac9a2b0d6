-- A page of an export: above this global position, up to this one, categories, since, until (each or null), most rows, most bytes.
select global_position, id, stream_name, type, "position", data, metadata, "time"
from {functions}.export_page($1, $2, $3, $4, $5, $6, $7)
