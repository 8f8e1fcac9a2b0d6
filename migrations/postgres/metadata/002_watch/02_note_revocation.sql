-- Counts a revocation, in the transaction that makes it: seen together with it, or not at all.
create function {schema}.note_revocation()
returns trigger
language plpgsql
as $$
begin
  update {schema}.revocations set revisions = revisions + 1;
  return null;
end;
$$;
