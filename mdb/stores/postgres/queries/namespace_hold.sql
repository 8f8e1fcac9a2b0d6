-- Keeps a living namespace from being deleted until the transaction ends: incarnation. No row: it is gone.
select 1 from {registry}.namespaces where incarnation = $1::text::uuid and deleted_at is null for share
