-- How often tokens were taken away or namespaces deleted: what servers compare to learn that
-- another one did so. One row.
create table {schema}.revocations (
  only_row boolean not null default true,
  revisions bigint not null default 0,
  constraint revocations_pkey primary key (only_row),
  constraint revocations_one_row check (only_row)
);
insert into {schema}.revocations default values;
