create trigger namespaces_revoked
after update of deleted_at or delete or truncate on {schema}.namespaces
for each statement execute function {schema}.note_revocation();
