-- Tokens by the SHA-256 of their text, which is stored nowhere. A namespace may have several. They
-- belong to the incarnation: a namespace created again under the same id knows none of the old.
create table {schema}.tokens (
  digest bytea not null,
  incarnation uuid not null,
  scope text not null default 'all',
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  constraint tokens_pkey primary key (digest),
  constraint tokens_digest_is_sha_256 check (octet_length(digest) = 32),
  constraint tokens_incarnation foreign key (incarnation)
    references {schema}.namespaces (incarnation) on delete cascade
);
