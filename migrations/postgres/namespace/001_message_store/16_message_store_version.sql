-- The version of Message DB whose behaviour these functions have.
create function {schema}.message_store_version()
returns varchar
language sql
stable
return '1.3.0';
