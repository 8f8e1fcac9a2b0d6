-- What the three read functions return: JSON as text, the id as text.
create type {schema}.message as (
  id varchar,
  stream_name varchar,
  type varchar,
  position bigint,
  global_position bigint,
  data varchar,
  metadata varchar,
  time timestamp
);
