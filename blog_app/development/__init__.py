"""For those who change the blog: local servers, the generator and seed data."""
