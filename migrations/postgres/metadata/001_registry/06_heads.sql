-- The highest global position of each of the schemas named (0: no message), for one poll of all
-- namespaces that are followed. A schema that is gone is left out.
create function {schema}.heads(schemas text[])
returns table (schema_name text, head bigint)
language plpgsql
stable
as $$
begin
  foreach schema_name in array schemas loop
    continue when to_regclass(format('%I.messages', schema_name)) is null;
    execute format(
      'select coalesce((select global_position from %I.messages'
      ' order by global_position desc limit 1), 0)',
      schema_name
    )
    into head;
    return next;
  end loop;
end;
$$;
