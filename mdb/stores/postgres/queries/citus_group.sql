-- Which node of a Citus cluster this is: 0 is the coordinator.
select groupid from pg_catalog.pg_dist_local_group
