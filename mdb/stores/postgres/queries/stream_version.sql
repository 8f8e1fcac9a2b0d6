-- The last position of a stream, or null: name.
select {functions}.stream_version($1)
