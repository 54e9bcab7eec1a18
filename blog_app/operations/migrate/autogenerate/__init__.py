"""Writes migration files: empty ones, or from the difference between models and migrations (`flask migrate create`)."""
