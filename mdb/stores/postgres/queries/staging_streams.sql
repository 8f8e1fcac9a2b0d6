-- Of each stream of an import where it begins and has come to.
create temporary table mdb_import_streams (
  stream_name text collate "C" primary key,
  first bigint not null,
  last bigint not null,
  line bigint not null
)
