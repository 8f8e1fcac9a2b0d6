-- One row an incarnation of a namespace. A deleted one stays as a tombstone until its schema has
-- been dropped, even when the id has been taken anew in the meantime.
create table {schema}.namespaces (
  incarnation uuid not null,
  id text collate "C" not null,
  schema_name text collate "C" not null,
  adopted boolean not null default false,  -- somebody else's schema: nothing of ours is put into it
  description text,
  metadata jsonb,
  created_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  constraint namespaces_pkey primary key (incarnation),
  constraint namespaces_schema_name unique (schema_name)
);
