-- The last message of a stream, or its last one of a type.
create function {schema}.get_last_stream_message(
  stream_name varchar,
  type varchar default null
)
returns setof {schema}.message
language plpgsql
volatile
as $$
declare
  _command text := '
    SELECT
      id::varchar,
      stream_name::varchar,
      type::varchar,
      position::bigint,
      global_position::bigint,
      data::varchar,
      metadata::varchar,
      time::timestamp
    FROM
      {schema}.messages
    WHERE
      stream_name = $1';
begin
  if get_last_stream_message.type is not null then
    _command := _command || ' AND
      type = $2';
  end if;

  _command := _command || '
    ORDER BY
      position DESC
    LIMIT
      1';

  if 'on' in (current_setting('message_store.debug_get', true),
              current_setting('message_store.debug', true)) then
    raise notice '» get_last_message';
    raise notice 'stream_name ($1): %', get_last_stream_message.stream_name;
    raise notice 'type ($2): %', get_last_stream_message.type;
    -- As it reads with search_path set: without the schema's name.
    raise notice 'Generated Command: %', replace(_command, '{schema}.', '');
  end if;

  return query execute _command
    using get_last_stream_message.stream_name, get_last_stream_message.type;
end;
$$;
