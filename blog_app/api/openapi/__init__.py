"""The OpenAPI 3.1 document, made from the operations that run: what is documented is what is served."""

from blog_app.api.openapi.document import document

__all__ = ["document"]
