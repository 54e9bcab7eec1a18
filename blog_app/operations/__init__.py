"""For those who run the blog: migrations, moves, deployment and the pooler. Nothing here knows a domain."""
