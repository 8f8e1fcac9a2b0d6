-- Notices of everything above a global position.
SELECT stream_name, position, global_position
FROM messages
WHERE global_position > :after AND global_position <= :upto
ORDER BY global_position
LIMIT :limit
