-- The highest global position, 0 for none.
SELECT coalesce(max(global_position), 0) FROM messages
