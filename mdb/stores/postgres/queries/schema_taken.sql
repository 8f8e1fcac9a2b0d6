-- Whether a namespace, a deleted one included, has this schema.
select exists (select from {registry}.namespaces where schema_name = $1)
