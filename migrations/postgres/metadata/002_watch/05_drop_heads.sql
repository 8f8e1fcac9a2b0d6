-- Replaced by tails, which also tells of gaps.
drop function {schema}.heads(text[]);
