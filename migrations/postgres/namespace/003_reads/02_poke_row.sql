-- One message to tell a follower about: where it is, not what it is.
create type {functions}.poke_row as (
  stream_name text,
  "position" bigint,
  global_position bigint
);
