-- The first global position above one.
SELECT global_position FROM messages WHERE global_position > ? ORDER BY global_position LIMIT 1
