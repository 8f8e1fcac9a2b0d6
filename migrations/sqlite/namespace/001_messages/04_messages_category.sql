-- A plain expression, no registered function: any SQLite tool can open and write the file.
-- The group and correlation filters are answered from the index, before a row is fetched.
CREATE INDEX messages_category ON messages (
  substr(stream_name, 1, instr(stream_name || '-', '-') - 1),
  global_position,
  hash,
  correlation
);
