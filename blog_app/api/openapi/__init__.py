"""The OpenAPI 3.1 document, generated from the registered operations: what is served is what is documented."""
