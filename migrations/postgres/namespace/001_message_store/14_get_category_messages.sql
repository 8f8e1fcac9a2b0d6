-- The messages of a category from a global position on, at most batch_size (-1: all), of one
-- correlation, of one member of a consumer group.
-- condition is SQL text, appended as it stands; it needs message_store.sql_condition.
create function {schema}.get_category_messages(
  category varchar,
  "position" bigint default 1,
  batch_size bigint default 1000,
  correlation varchar default null,
  consumer_group_member bigint default null,
  consumer_group_size bigint default null,
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
      {schema}.category(stream_name) = $1 AND
      global_position >= $2';
  _group constant text := format(
    '(Consumer Group Member: %s, Consumer Group Size: %s)',
    coalesce(consumer_group_member::text, '<NULL>'),
    coalesce(consumer_group_size::text, '<NULL>')
  );
begin
  if not {schema}.is_category(get_category_messages.category) then
    raise exception 'Must be a category: %', get_category_messages.category;
  end if;

  position := coalesce(position, 1);
  batch_size := coalesce(batch_size, 1000);

  if correlation is not null then
    if not {schema}.is_category(correlation) then
      raise exception 'Correlation must be a category (Correlation: %)', correlation;
    end if;
    _command := _command || ' AND
      {schema}.category(metadata->>''correlationStreamName'') = $4';
  end if;

  if num_nulls(consumer_group_member, consumer_group_size) = 1 then
    raise exception 'Consumer group member and size must be specified %', _group;
  end if;

  if consumer_group_size is not null then
    if consumer_group_size < 1 then
      raise exception 'Consumer group size must not be less than 1 %', _group;
    end if;
    if consumer_group_member < 0 then
      raise exception 'Consumer group member must not be less than 0 %', _group;
    end if;
    if consumer_group_member >= consumer_group_size then
      raise exception 'Consumer group member must be less than the group size %', _group;
    end if;
    -- The absolute value of the remainder, not the remainder of the absolute value, which is the
    -- same number but is an error for the smallest hash.
    _command := _command || ' AND
      @MOD({schema}.hash_64({schema}.cardinal_id(stream_name)), $6) = $5';
  end if;

  if condition is not null then
    if coalesce(current_setting('message_store.sql_condition', true), 'off') = 'off' then
      raise exception 'Retrieval with SQL condition is not activated';
    end if;
    _command := _command || ' AND
      (' || condition || ')';
  end if;

  _command := _command || '
    ORDER BY
      global_position ASC';

  if batch_size <> -1 then
    _command := _command || '
      LIMIT
        $3';
  end if;

  if 'on' in (current_setting('message_store.debug_get', true),
              current_setting('message_store.debug', true)) then
    raise notice '» get_category_messages';
    raise notice 'category ($1): %', get_category_messages.category;
    raise notice 'position ($2): %', get_category_messages.position;
    raise notice 'batch_size ($3): %', get_category_messages.batch_size;
    raise notice 'correlation ($4): %', get_category_messages.correlation;
    raise notice 'consumer_group_member ($5): %', get_category_messages.consumer_group_member;
    raise notice 'consumer_group_size ($6): %', get_category_messages.consumer_group_size;
    raise notice 'condition: %', get_category_messages.condition;
    -- As it reads with search_path set: without the schema's name.
    raise notice 'Generated Command: %', replace(_command, '{schema}.', '');
  end if;

  return query execute _command
    using
      get_category_messages.category,
      get_category_messages.position,
      batch_size,
      correlation,
      consumer_group_member,
      consumer_group_size::smallint;  -- Message DB's limit of 32767, and its error beyond
end;
$$;
