"""Measurements: our endpoints beside two references, and how they grow (`make bench`)."""
