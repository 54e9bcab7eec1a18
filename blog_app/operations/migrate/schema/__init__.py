"""Schemas as data: read from PostgreSQL, built from models and from migration files, and compared."""
