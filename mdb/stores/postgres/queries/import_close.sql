-- From here on nobody writes to the namespace but the import: neither a server, whatever it
-- believes, nor a client of the schema. It is undone when the import has ended, so that until one
-- begins, and ever after, a write costs nothing more. Taking the table's lock, it waits for those
-- who have written and not committed yet.
create function {schema}.mdb_importing()
returns trigger
language plpgsql
as $$
begin
  raise exception 'The namespace takes no writes: it is being filled by an import'
    using errcode = 'MDB01';
end;
$$;

create trigger mdb_importing
before insert on {schema}.messages
for each statement
when (current_setting('mdb.importing', true) is distinct from 'on')
execute function {schema}.mdb_importing();

do $$
begin
  execute format(
    'comment on trigger mdb_importing on {schema}.messages is %L',
    current_setting('mdb.import_source')
  );
end;
$$
