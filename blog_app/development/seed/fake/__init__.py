"""Fake data: a fake blog of any size, to test pagination, search and query plans.

Each row follows from the random seed and its number: the same command makes the same rows, a bigger one adds to those
of a smaller one, and rows that exist are skipped.
"""
