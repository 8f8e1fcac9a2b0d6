-- Whether a token is a namespace's: digest, incarnation.
select true from {registry}.tokens where digest = $1 and incarnation = $2
