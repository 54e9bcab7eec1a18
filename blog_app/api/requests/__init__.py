"""Reading a request: query string, body, uploads, rate limit, Idempotency-Key."""
