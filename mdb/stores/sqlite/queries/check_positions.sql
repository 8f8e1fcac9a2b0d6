-- Positions that a stream has more than once: name, position, how often.
SELECT stream_name, position, count(*)
FROM messages
GROUP BY stream_name, position
HAVING count(*) > 1
