-- The namespace's last message: global position, id.
select global_position, id from {schema}.messages order by global_position desc limit 1
