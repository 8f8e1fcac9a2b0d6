-- Notices of a stream from a position, inclusive.
SELECT stream_name, position, global_position
FROM messages
WHERE stream_name = :stream AND position >= :position AND global_position <= :upto
ORDER BY position
LIMIT :limit
