-- Rows whose stored hash is not that of their stream: global position, stream, hash, right hash.
SELECT global_position, stream_name, hash, mdb_hash(stream_name)
FROM messages
WHERE hash IS NOT mdb_hash(stream_name)
