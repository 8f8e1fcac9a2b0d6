-- Whether commits wait for standbys.
select current_setting('synchronous_standby_names') <> ''
