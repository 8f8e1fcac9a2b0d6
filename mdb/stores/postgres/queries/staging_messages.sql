-- An import on its way in. It is the session's own and goes with it, however that ends.
create temporary table mdb_import (
  line bigint not null,
  id uuid not null,
  stream_name text not null,
  type text not null,
  "position" bigint not null,
  global_position bigint not null,
  data jsonb not null,
  metadata jsonb,
  "time" timestamp not null
)
