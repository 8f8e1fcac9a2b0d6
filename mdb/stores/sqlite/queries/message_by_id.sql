-- What is stored under an id.
SELECT stream_name, type, position, global_position, data, metadata
FROM messages
WHERE id = ?
