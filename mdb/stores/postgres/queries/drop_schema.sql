-- Everything of a namespace.
drop schema if exists {schema} cascade
