-- New messages go above all that were moved in; the sequence never goes back.
select setval(
  pg_get_serial_sequence('{schema}.messages', 'global_position'),
  greatest(
    (select max(global_position) from pg_temp.mdb_import),
    {functions}.head(),
    coalesce(pg_sequence_last_value(
      pg_get_serial_sequence('{schema}.messages', 'global_position')::regclass
    ), 0)
  )
)
