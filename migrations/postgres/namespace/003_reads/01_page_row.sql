-- One message of a page: where it stands (its position in a stream page, its global position in any
-- other), and the message as JSON text, ready to be sent.
create type {functions}.page_row as (
  cursor bigint,
  message text
);
