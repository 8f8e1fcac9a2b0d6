-- [id, streamName, type, position, globalPosition, data, metadata, time]
create function {functions}.category_layout(m {schema}.messages)
returns text
language sql
stable
parallel safe
return '["' || m.id
  || '",' || to_json(m.stream_name)
  || ',' || to_json(m.type)
  || ',' || m.position
  || ',' || m.global_position
  || ',' || coalesce(m.data::text, 'null')
  || ',' || coalesce(m.metadata::text, 'null')
  || ',' || {functions}.json_time(m.time)
  || ']';
