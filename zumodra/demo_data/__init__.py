"""Believable data for demo companies: the same for a company and a month, whenever it is made."""

from zumodra.demo_data.company import Company
from zumodra.demo_data.fill import fill_company

__all__ = ["Company", "fill_company"]
