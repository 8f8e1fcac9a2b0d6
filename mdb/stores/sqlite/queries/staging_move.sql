-- Everything that was staged becomes messages.
INSERT INTO main.messages (
  global_position, id, stream_name, type, position, data, metadata, time, hash, correlation
)
SELECT global_position, id, stream_name, type, position, data, metadata, time, hash, correlation
FROM staging.messages
ORDER BY global_position
