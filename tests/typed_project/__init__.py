"""A small project whose tenants are of two types, with different apps."""
