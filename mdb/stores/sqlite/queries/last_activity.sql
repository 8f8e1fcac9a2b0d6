-- The time of the newest message, in microseconds.
SELECT time
FROM messages
ORDER BY global_position DESC
LIMIT 1
