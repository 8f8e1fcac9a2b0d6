-- The last position staged of a stream.
SELECT last FROM staging.streams WHERE stream_name = ?
