-- Takes the one lock that orders all writes of this namespace, until the transaction ends.
--
-- One key for the whole schema instead of one a category: then the order of commits is the order of
-- global positions, and no two writers can ever wait for each other in a circle.
--
-- The key is the schema's oid, in the space of two-integer keys. It is exact (no two schemas of a
-- database share an oid, where hashes might), it survives a rename of the schema, and the space is
-- another than that of single keys, where genuine Message DB schemas of the same database keep the
-- hashes of their categories. In pg_locks: classid 1835295232 ('mdb' and a zero byte), objid the schema's oid.
create function {schema}.lock_namespace()
returns void
language plpgsql
volatile
as $$
begin
  -- Through bit(32), because an oid is unsigned and the key is not.
  perform pg_advisory_xact_lock(
    1835295232, '{schema}'::regnamespace::oid::bigint::bit(32)::integer
  );
end;
$$;
