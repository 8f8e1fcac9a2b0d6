-- What the functions that write call first. In an adopted schema whoever calls them holds the locks
-- of the categories already (see lock_categories): there is nothing to do.
create function {functions}.lock_namespace()
returns void
language sql
immutable
return null;
