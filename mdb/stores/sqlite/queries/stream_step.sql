-- The first message of a stream at or above a position: position and global position.
SELECT position, global_position
FROM messages
WHERE stream_name = ? AND position >= ?
ORDER BY position
LIMIT 1
