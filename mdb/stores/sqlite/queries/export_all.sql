-- Messages as they are stored, above a global position and up to another.
SELECT global_position, id, stream_name, type, position, data, metadata, time
FROM messages
WHERE global_position > ? AND global_position <= ?
ORDER BY global_position
LIMIT ?
