-- Rows whose metadata is no object: global position, its type. Most rows.
select global_position, jsonb_typeof(metadata)
from {schema}.messages
where jsonb_typeof(metadata) not in ('object', 'null')
order by global_position
limit $1
