-- Last position and time of a stream.
SELECT position, time
FROM messages
WHERE stream_name = ?
ORDER BY position DESC
LIMIT 1
