-- The id of the message at a global position.
select id from {schema}.messages where global_position = $1
