-- The number that the sequence of global positions gave out last, 0 for none.
select coalesce(pg_sequence_last_value(
  pg_get_serial_sequence('{schema}.messages', 'global_position')::regclass
), 0)
