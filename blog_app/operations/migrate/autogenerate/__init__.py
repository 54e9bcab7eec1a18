"""Writes migration files: empty ones, or from the difference between models and migrations (`flask migrate create`).

create   writes the files and tries them
draft    which operations lead from one schema to another
render   models and fields as Python code
"""
