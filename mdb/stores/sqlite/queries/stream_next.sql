-- The first stream name above a name, along the index (a loose scan's step).
SELECT stream_name
FROM messages
WHERE stream_name > ?
ORDER BY stream_name
LIMIT 1
