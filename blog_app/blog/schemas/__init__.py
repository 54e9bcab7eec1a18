"""Serializers of the blog: marshmallow schemas of its requests and representations."""
