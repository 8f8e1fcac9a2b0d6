-- The last message of a stream, or of a type in it: name, type or null.
select {functions}.last_message($1, $2)
