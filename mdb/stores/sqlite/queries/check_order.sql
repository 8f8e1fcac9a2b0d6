-- Messages whose place in the stream is not their place in the namespace: name, position, global
-- position, and the higher global position of the message before.
SELECT stream_name, position, global_position, before
FROM (
  SELECT
    stream_name,
    position,
    global_position,
    lag(global_position) OVER (PARTITION BY stream_name ORDER BY position) AS before
  FROM messages
)
WHERE before > global_position
