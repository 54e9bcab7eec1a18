"""What a request says: query parameters, body, files, limits, Idempotency-Key."""
