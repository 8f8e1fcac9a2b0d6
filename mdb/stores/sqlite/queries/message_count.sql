-- How many messages the namespace holds.
SELECT count(*) FROM messages
