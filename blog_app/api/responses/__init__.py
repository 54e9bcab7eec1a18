"""Making a response: representations, headers, entity tags, downloads."""
