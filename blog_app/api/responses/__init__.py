"""What an answer is made of: representations, headers, entity tags, downloads."""
