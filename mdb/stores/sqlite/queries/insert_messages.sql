-- Messages at positions that the batch decided. The row of parameters is repeated; one that is given
-- no global position is none.
INSERT INTO messages (
  global_position, id, stream_name, type, position, data, metadata, time, hash, correlation
)
SELECT *
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
WHERE column1 IS NOT NULL
