-- The messages of a stream from a position on, at most batch_size (-1: all).
-- condition is SQL text, appended as it stands; it needs message_store.sql_condition.
create function {schema}.get_stream_messages(
  stream_name varchar,
  "position" bigint default 0,
  batch_size bigint default 1000,
  condition varchar default null
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
      stream_name = $1 AND
      position >= $2';
begin
  if {schema}.is_category(get_stream_messages.stream_name) then
    raise exception 'Must be a stream name: %', get_stream_messages.stream_name;
  end if;

  position := coalesce(position, 0);
  batch_size := coalesce(batch_size, 1000);

  if condition is not null then
    if coalesce(current_setting('message_store.sql_condition', true), 'off') = 'off' then
      raise exception 'Retrieval with SQL condition is not activated';
    end if;
    _command := _command || ' AND
      (' || condition || ')';
  end if;

  _command := _command || '
    ORDER BY
      position ASC';

  if batch_size <> -1 then
    _command := _command || '
      LIMIT
        $3';
  end if;

  if 'on' in (current_setting('message_store.debug_get', true),
              current_setting('message_store.debug', true)) then
    raise notice '» get_stream_messages';
    raise notice 'stream_name ($1): %', get_stream_messages.stream_name;
    raise notice 'position ($2): %', get_stream_messages.position;
    raise notice 'batch_size ($3): %', get_stream_messages.batch_size;
    raise notice 'condition ($4): %', get_stream_messages.condition;
    -- As it reads with search_path set: without the schema's name.
    raise notice 'Generated Command: %', replace(_command, '{schema}.', '');
  end if;

  return query execute _command
    using get_stream_messages.stream_name, get_stream_messages.position, batch_size;
end;
$$;
