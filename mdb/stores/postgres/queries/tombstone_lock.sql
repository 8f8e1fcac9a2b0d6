-- Takes the right to drop a deleted namespace: incarnation. No row: another server has done it.
select 1 from {registry}.namespaces where incarnation = $1 and deleted_at is not null for update
