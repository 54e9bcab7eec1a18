"""Feeds and the sitemap: what is out, for feed readers and search engines.

Each format is a function from a `Feed` to bytes, written with the standard library: the libraries that there are bring
lxml along (feedgen) or know no JSON Feed (feedgenerator), for some forty lines of XML.
"""
