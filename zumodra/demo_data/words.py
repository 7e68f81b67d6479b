"""The words that demo companies and their people are named with."""


def _words(text: str) -> list[str]:
    return text.split()


COMPANY_FIRST = _words(
    """
    Alder Amber Anchor Arbor Atlas Birch Bright Cedar Clear Coast Copper Crown Delta Ember
    Falcon Field Harbor Hazel Iron Juniper Lake Linden Maple Meadow North Oak Orchard Pine River
    Slate Stone Summit Tidal Vale Willow
    """
)
COMPANY_SECOND = _words(
    """
    Analytics Care Clinics Design Electric Energy Foods Freight Gardens Hotels Interiors Labs
    Logistics Media Mobility Optics Outdoor Pharma Print Robotics Schools Software Systems
    Textiles Tools Travel Works
    """
)
FIRST_NAMES = _words(
    """
    Aisha Alejandro Amara Anders Anna Beatriz Camille Carlos Chloe Daniel Elena Emil Fatima
    Felix Grace Hana Hugo Ines Ivan Jonas Julia Kenji Lea Leila Liam Lucia Malik Marta Mei Milan
    Nadia Noah Olga Omar Petra Priya Rafael Rosa Samuel Sara Sofia Tomas Yuki Zoe
    """
)
LAST_NAMES = _words(
    """
    Adeyemi Almeida Andersson Bauer Becker Bianchi Brown Costa Dubois Eriksen Fernandez Fischer
    Garcia Haddad Hansen Ito Ivanova Jansen Kaya Keller Khan Kowalski Larsen Laurent Lopez
    Martin Meyer Moreau Nakamura Novak Okafor Olsen Patel Petrov Ricci Rossi Santos Schmidt
    Silva Singh Tanaka Varga Weber Wilson Yilmaz
    """
)
SKILLS = ["Accounting", "Data analysis", "Facilitation", "Negotiation", "Python", "UX research"]
TAGS = ["Available now", "Leadership", "Reapplied", "Referral", "Relocating"]
CATEGORIES = ["Engineering", "Operations", "Sales"]
SOURCES = ["website", "referral", "job board", "agency"]
DEPARTMENTS = {"ENG": "Engineering", "OPS": "Operations", "SAL": "Sales", "PPL": "People"}
POSITIONS = [
    # Title, department, lowest and highest salary of a year.
    ("Software engineer", "ENG", 52000, 78000),
    ("Engineering manager", "ENG", 80000, 105000),
    ("Operations lead", "OPS", 54000, 72000),
    ("Account executive", "SAL", 45000, 70000),
    ("People partner", "PPL", 48000, 66000),
]
HOLIDAYS = [(1, 1, "New Year's Day"), (5, 1, "Labour Day"), (12, 25, "Christmas Day")]
