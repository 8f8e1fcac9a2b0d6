create unique index messages_id on {schema}.messages (id);
