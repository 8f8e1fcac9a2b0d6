-- The tail of each of the schemas named, above the position given for each, for one poll of all
-- namespaces that are followed. Left out is a schema that is gone or must not be read, and one
-- whose table somebody keeps to himself (vacuum full, alter table, or who waits for such a lock):
-- the others do not wait for that, nor does the news of tokens taken away in the same poll.
create or replace function {schema}.tails(schemas text[], after bigint[], max_rows bigint)
returns table (schema_name text, head bigint, contiguous bigint, visible bigint)
language plpgsql
stable
set lock_timeout = '20ms'
as $$
begin
  for place in 1 .. coalesce(array_length(schemas, 1), 0) loop
    schema_name := schemas[place];
    continue when to_regclass(format('%I.messages', schema_name)) is null;
    begin
      select t.head, t.contiguous, t.visible
      into head, contiguous, visible
      from {schema}.tail(schema_name, after[place], max_rows) t;
    exception
      when lock_not_available or undefined_table or insufficient_privilege then
        continue;
    end;
    return next;
  end loop;
end;
$$;
