-- Notices of a category: name, above this global position, up to this one, correlation, member, size (each or null), most rows.
select stream_name, "position", global_position
from {functions}.category_pokes($1, $2, $3, $4, $5, $6, $7)
