-- A category in order of global position; the third column lets a read of one correlation skip the
-- rest without visiting the table.
create index messages_category on {schema}.messages (
  {schema}.category(stream_name),
  global_position,
  {schema}.category(metadata->>'correlationStreamName')
);
