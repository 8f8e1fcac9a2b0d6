-- Whether this is a node of a Citus cluster.
select to_regclass('pg_catalog.pg_dist_local_group') is not null
