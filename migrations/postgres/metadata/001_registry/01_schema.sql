-- What the server knows of its namespaces; their messages are in schemas of their own.
create schema if not exists {schema};
