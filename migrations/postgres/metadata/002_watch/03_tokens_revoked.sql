-- A new token takes nothing away; whatever else happens to one may.
create trigger tokens_revoked
after update or delete or truncate on {schema}.tokens
for each statement execute function {schema}.note_revocation();
