"""Where data lives and how it is reached: databases, watermarks, cache, and what all models share."""
