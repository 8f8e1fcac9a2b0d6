-- Whether a message is stored: id.
select (select true from {schema}.messages where id = $1 limit 1) is true
