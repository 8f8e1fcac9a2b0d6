-- Removes the tombstone of a namespace whose schema is gone: incarnation.
delete from {registry}.namespaces where incarnation = $1 and deleted_at is not null
