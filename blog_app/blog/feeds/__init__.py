"""RSS, Atom and JSON feeds of the public posts, and the sitemap.

Each format is a function from a `Feed` to bytes, written with the standard library: the existing libraries need lxml
(feedgen) or lack JSON Feed (feedgenerator), and would save some forty lines of XML.
"""
