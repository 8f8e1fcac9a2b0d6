-- How many streams there are.
SELECT count(DISTINCT stream_name) FROM messages
