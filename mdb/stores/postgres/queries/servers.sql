-- Other sessions of mdb in this database, as far as this role may see their names.
select pid, coalesce(host(client_addr), 'local') as address
from pg_stat_activity
where application_name = 'mdb'
  and datname = current_database()
  and pid <> pg_backend_pid()
order by pid
