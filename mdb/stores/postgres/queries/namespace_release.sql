-- Forgets a namespace whose schema was adopted; its tokens go with it.
delete from {registry}.namespaces where incarnation = $1 and adopted and deleted_at is null
returning incarnation
