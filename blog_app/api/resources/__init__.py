"""What a resource declares: schema, fields, filters, includes, search, operations."""
