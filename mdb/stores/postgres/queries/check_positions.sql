-- Positions that a stream has more than once: name, position, how often. Most rows.
select stream_name, position, count(*)
from {schema}.messages
group by stream_name, position
having count(*) > 1
order by stream_name collate "C", position
limit $1
