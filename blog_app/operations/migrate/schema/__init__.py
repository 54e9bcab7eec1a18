"""Schemas built from models and from migration files, and compared with each other and with the live ones."""
