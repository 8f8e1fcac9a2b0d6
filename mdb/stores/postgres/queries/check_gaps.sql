-- Streams whose positions do not count from 0 without a gap: name, lowest, highest, how many.
-- Most rows.
select stream_name, min(position), max(position), count(*)
from {schema}.messages
group by stream_name
having min(position) <> 0 or max(position) <> count(distinct position) - 1
order by stream_name collate "C"
limit $1
