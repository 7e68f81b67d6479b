from zumodra.demo_data.company import Company
from zumodra.demo_data.hiring import fill_hiring
from zumodra.demo_data.members import fill_members
from zumodra.demo_data.money import fill_money
from zumodra.demo_data.staff import fill_staff
from zumodra.tenants.models import Tenant


def fill_company(company: Company, tenant: Tenant) -> None:
    """Write a demo company's data into the schema in use. The caller holds the transaction."""
    profiles = fill_members(company, tenant.owner_email)
    employees = fill_staff(company, profiles)
    applications = fill_hiring(company, profiles, employees)
    fill_money(company, tenant, profiles, employees, applications)
