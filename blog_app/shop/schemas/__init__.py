"""The schemas (serializers) of the shop."""
