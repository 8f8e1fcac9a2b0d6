-- Append at proposed positions: ids, streams, types, datas, metadatas, positions. 23505 if one is taken.
select head, global_positions
from {functions}.write_at($1, $2, $3, $4, $5, $6)
