"""A big made-up blog: as many users, posts, tags and comments as one asks for, to try out pages, searches and plans.

Everything follows from the seed and the number of a row, so the same command makes the same rows, a bigger one adds to
what a smaller one made, and rows that are there already are left out.
"""
