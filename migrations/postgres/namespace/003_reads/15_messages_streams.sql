-- One entry a stream, in order of code points whatever the database's collation: to list streams
-- without reading messages. Touched only by the first message of a stream.
create index messages_streams on {schema}.messages (stream_name collate "C") where position = 0;
