-- Keeps a living namespace as it is until the transaction ends: incarnation. No row: it is gone.
select 1 from {registry}.namespaces where incarnation = $1 and deleted_at is null for update
