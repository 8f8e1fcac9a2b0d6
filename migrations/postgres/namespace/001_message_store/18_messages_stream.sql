create unique index messages_stream on {schema}.messages (stream_name, position);
