-- Removes a namespace's tokens: incarnation.
delete from {registry}.tokens where incarnation = $1
