-- How many messages and streams there are, and the highest global position.
select count(*), count(distinct stream_name), coalesce(max(global_position), 0)
from {schema}.messages
