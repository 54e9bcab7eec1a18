"""What a release does to the databases, and the backup and restore of their contents.

release   the steps of `flask deploy`
backups   pg_dump and pg_restore of one logical database
programs  PostgreSQL's client programs: which are new enough, how they run
"""
