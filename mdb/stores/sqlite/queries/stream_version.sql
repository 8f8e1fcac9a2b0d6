-- The last position of a stream.
SELECT position
FROM messages
WHERE stream_name = ?
ORDER BY position DESC
LIMIT 1
