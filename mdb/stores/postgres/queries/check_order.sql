-- Messages whose place in the stream is not their place in the namespace: name, position, global
-- position, and the higher global position of the message before. Most rows.
select stream_name, position, global_position, before
from (
  select
    stream_name,
    position,
    global_position,
    lag(global_position) over (partition by stream_name order by position) as before
  from {schema}.messages
) placed
where before > global_position
order by global_position
limit $1
