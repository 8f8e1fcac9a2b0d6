-- The last position of a stream, or null: name.
select {schema}.stream_version($1)
