"""Development: local servers, the code generator and seed data."""
