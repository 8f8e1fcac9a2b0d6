-- Append at proposed positions: ids, streams, types, datas, metadatas, positions, the head they follow.
-- No row's value where the head is another; 23505 where a position or an id is taken.
select global_positions
from {functions}.write_at($1, $2, $3, $4, $5, $6, $7)
