"""What a release does to the databases, and how their contents are kept and brought back.

release   the steps of `flask deploy`
backups   pg_dump and pg_restore of one logical database
programs  which of PostgreSQL's programs are new enough
"""
