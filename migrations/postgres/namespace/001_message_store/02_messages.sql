-- The log. Column order, defaults and names are Message DB's: clients and error texts show them.
create table {schema}.messages (
  global_position bigserial not null,
  position bigint not null,
  time timestamp without time zone default (now() at time zone 'utc') not null,
  stream_name text not null,
  type text not null,
  data jsonb,
  metadata jsonb,
  id uuid not null default gen_random_uuid(),
  constraint messages_pkey primary key (global_position)
);

-- A cached sequence would hand out numbers long after higher ones were committed, and a reader that
-- follows the global position could not tell a late message from a burnt number.
alter sequence {schema}.messages_global_position_seq cache 1;
