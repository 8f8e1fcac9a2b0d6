-- What a server runs for somebody else's Message DB: in a schema of its own, for into the adopted
-- one nothing is put. Beside the files here it holds those of the namespaces' migrations that
-- create something in it; a file here goes before one of the same name there.
create schema {functions};
