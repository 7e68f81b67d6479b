"""A project whose tenants have only apps that others wrote, with long histories."""
