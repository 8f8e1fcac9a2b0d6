-- How many messages a stream holds.
SELECT count(*) FROM messages WHERE stream_name = ?
