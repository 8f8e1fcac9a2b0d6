-- Streams whose positions do not count from 0 without a gap: name, lowest, highest, how many.
SELECT stream_name, min(position), max(position), count(*)
FROM messages
GROUP BY stream_name
HAVING min(position) <> 0 OR max(position) <> count(DISTINCT position) - 1
