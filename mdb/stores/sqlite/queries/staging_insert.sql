-- One message of an import.
INSERT INTO staging.messages (
  global_position, line, id, stream_name, type, position, data, metadata, time, hash, correlation
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
