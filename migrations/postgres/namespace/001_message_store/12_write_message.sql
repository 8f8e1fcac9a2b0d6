-- Appends one message and returns its position. Raises when expected_version is given and is not
-- the stream's version (-1 for a stream without messages), and when the id is known already.
create function {schema}.write_message(
  id varchar,
  stream_name varchar,
  "type" varchar,
  data jsonb,
  metadata jsonb default null,
  expected_version bigint default null
)
returns bigint
language plpgsql
volatile
as $$
declare
  _id uuid;
  _stream_version bigint;
  _next_position bigint;
begin
  -- In a statement of its own: the next one then sees what was committed while this one waited.
  perform {schema}.acquire_lock(write_message.stream_name);

  _stream_version := coalesce({schema}.stream_version(write_message.stream_name), -1);

  if write_message.expected_version <> _stream_version then
    raise exception 'Wrong expected version: % (Stream: %, Stream Version: %)',
      write_message.expected_version, write_message.stream_name, _stream_version;
  end if;

  _next_position := _stream_version + 1;
  _id := uuid(write_message.id);  -- here: a text that is no UUID takes no global position

  insert into {schema}.messages (id, stream_name, position, type, data, metadata)
  values (
    _id,
    write_message.stream_name,
    _next_position,
    write_message.type,
    write_message.data,
    write_message.metadata
  );

  if 'on' in (current_setting('message_store.debug_write', true),
              current_setting('message_store.debug', true)) then
    raise notice '» write_message';
    raise notice 'id ($1): %', write_message.id;
    raise notice 'stream_name ($2): %', write_message.stream_name;
    raise notice 'type ($3): %', write_message.type;
    raise notice 'data ($4): %', write_message.data;
    raise notice 'metadata ($5): %', write_message.metadata;
    raise notice 'expected_version ($6): %', write_message.expected_version;
    raise notice '_stream_version: %', _stream_version;
    raise notice '_next_position: %', _next_position;
  end if;

  return _next_position;
end;
$$;
