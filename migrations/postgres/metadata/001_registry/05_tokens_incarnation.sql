create index tokens_incarnation on {schema}.tokens (incarnation);
