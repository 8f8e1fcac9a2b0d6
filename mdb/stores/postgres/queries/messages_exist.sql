-- Whether a schema holds a table of messages: name.
select to_regclass(format('%I.messages', $1::text)) is not null
