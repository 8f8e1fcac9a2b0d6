-- Whether a living namespace has this id.
select exists (select from {registry}.namespaces where id = $1 and deleted_at is null)
