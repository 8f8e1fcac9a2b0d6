-- At most one living namespace of an id; lists come in this order.
create unique index namespaces_id on {schema}.namespaces (id) where deleted_at is null;
