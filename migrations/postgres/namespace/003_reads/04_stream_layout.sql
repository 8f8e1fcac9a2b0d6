-- [id, type, position, globalPosition, data, metadata, time]
-- One expression that the planner puts in place of the call. Joined by hand: json_build_array takes
-- a fifth longer.
create function {functions}.stream_layout(m {schema}.messages)
returns text
language sql
stable
parallel safe
return '["' || m.id
  || '",' || to_json(m.type)
  || ',' || m.position
  || ',' || m.global_position
  || ',' || coalesce(m.data::text, 'null')
  || ',' || coalesce(m.metadata::text, 'null')
  || ',' || {functions}.json_time(m.time)
  || ']';
