"""A small project whose tenants have one app, whose migrations are composed anew for each test."""
