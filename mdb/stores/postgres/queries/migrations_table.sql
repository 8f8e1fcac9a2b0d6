-- What was applied to the registry's own schema and to each namespace's.
create schema if not exists {registry};
create table if not exists {registry}.schema_migrations (
  schema_name text collate "C" not null,
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now(),
  constraint schema_migrations_pkey primary key (schema_name, version)
);
