from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def money(amount: Decimal, currency: str = "EUR") -> str:
    """An amount as ``1,234.50 EUR``."""
    return f"{amount:,.2f}\N{NO-BREAK SPACE}{currency}"
