-- The tail of each of the schemas named, above the position given for each, for one poll of all
-- namespaces that are followed. A schema that is gone is left out.
create function {schema}.tails(schemas text[], after bigint[], max_rows bigint)
returns table (schema_name text, head bigint, contiguous bigint, visible bigint)
language plpgsql
stable
as $$
begin
  for place in 1 .. coalesce(array_length(schemas, 1), 0) loop
    schema_name := schemas[place];
    continue when to_regclass(format('%I.messages', schema_name)) is null;
    select t.head, t.contiguous, t.visible
    into head, contiguous, visible
    from {schema}.tail(schema_name, after[place], max_rows) t;
    return next;
  end loop;
end;
$$;
