-- A token: digest, incarnation.
insert into {registry}.tokens (digest, incarnation) values ($1, $2)
