"""Schemas as data: read from PostgreSQL, built from models and from migration files, and compared.

catalog      what a schema consists of
comparison   the differences between two schemas
shadow       the schema that models or migration files make, built where nobody uses it
drift        models, migration files and the live database compared (`flask migrate check`)
"""
