-- What lies above a global position in a schema's messages: the highest position there is (0 for no
-- message, so that it is seen where the database was put back to before that position), up to where
-- they follow each other without a gap above it, and how many there are. Of the latter two no more
-- than max_rows are looked at.
--
-- A query made anew for each call: its plan fits the table as it is now.
create or replace function {schema}.tail(schema_name text, after bigint, max_rows bigint)
returns table (head bigint, contiguous bigint, visible bigint)
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
  return query execute format(
    'select coalesce((select m.global_position from %1$I.messages m'
    '    order by m.global_position desc limit 1), 0),'
    '  coalesce(max(above.at) filter (where above.at = $1 + above.n), $1),'
    '  count(*)'
    ' from (select m.global_position as at, row_number() over (order by m.global_position) as n'
    '    from %1$I.messages m where m.global_position > $1'
    '    order by m.global_position limit $2) above',
    schema_name
  )
  using after, max_rows;
end;
$$;
