"""What a resource declares: its schema with fields, filters, includes and full-text search."""
