-- How many messages the namespace holds.
select count(*) from {schema}.messages
