-- One message to tell a follower about. A last row without position and stream says up to which
-- global position the log has been looked through, so that a follower with a rare filter gets on.
create type {functions}.poke_row as (
  global_position bigint,
  "position" bigint,
  stream_name text
);
