-- What lies above a global position: schema, position, most rows looked at.
select head, contiguous, visible from {registry}.tail($1, $2, $3)
