-- One message at a position that the batch decided.
INSERT INTO messages (
  global_position, id, stream_name, type, position, data, metadata, time, hash, correlation
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
