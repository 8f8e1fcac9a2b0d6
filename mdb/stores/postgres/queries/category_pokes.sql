-- The same of a category: name, global position, correlation, member, size (each or null), most rows, most messages looked at. The last row, without a stream: looked through up to there.
select global_position, "position", stream_name
from {functions}.category_pokes($1, $2, $3, $4, $5, $6, $7)
