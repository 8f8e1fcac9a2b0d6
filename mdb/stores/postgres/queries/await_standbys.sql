-- Has the end of this transaction wait for standbys, for the sake of what it found: a commit that is no
-- longer waited for, because its session was ended or its statement cancelled, is seen before they have
-- it. What is written to the log here comes after that commit: who has this has that, too.
select pg_logical_emit_message(true, 'mdb', 'found'::text)::text
