-- The schema of one namespace. Everything in it has Message DB's name, signature and behaviour, so
-- that a Message DB client works on it with search_path set to this schema alone.
create schema if not exists {schema};
