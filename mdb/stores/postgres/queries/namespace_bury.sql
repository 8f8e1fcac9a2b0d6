-- Ends a namespace's life: incarnation. The time in microseconds since 1970; no row: it had ended,
-- or its schema is somebody else's.
update {registry}.namespaces
set deleted_at = clock_timestamp()
where incarnation = $1 and deleted_at is null and not adopted
returning (extract(epoch from deleted_at) * 1000000)::bigint
