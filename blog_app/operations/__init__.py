"""Operations: migrations, moves, deployment and the pooler. Nothing here knows a domain."""
