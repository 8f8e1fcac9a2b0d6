-- What kind of server answers.
select version()
