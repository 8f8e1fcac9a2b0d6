-- Namespaces that were deleted and whose schema may still be there.
select incarnation, schema_name from {registry}.namespaces where deleted_at is not null
