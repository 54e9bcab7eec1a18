"""Serializers of analytics: marshmallow schemas of its representations."""
