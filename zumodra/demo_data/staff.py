from decimal import Decimal

from zumodra.accounts.models import Profile
from zumodra.demo_data import words
from zumodra.demo_data.company import Company
from zumodra.hr_core.models import (
    Department,
    Employee,
    EmployeeNote,
    Holiday,
    Position,
    TimeOffBalance,
    TimeOffRequest,
    TimeOffType,
)

EMPLOYEES = 12
ENTITLED_DAYS = Decimal(28)


def fill_staff(company: Company, profiles: list[Profile]) -> list[Employee]:
    """Departments, positions, employees and their time off. The first employees are the members."""
    departments = _departments()
    positions = _positions(departments)
    employees = _employees(company, profiles, positions)
    for department in departments.values():
        department.head = next((e for e in employees if e.department == department), None)
    Department.objects.bulk_update(departments.values(), ["head"])
    Holiday.objects.bulk_create(
        Holiday(date=company.month.replace(month=month, day=day), name=name)
        for month, day, name in words.HOLIDAYS
    )
    _time_off(company, employees)
    EmployeeNote.objects.create(
        employee=employees[-1],
        author=profiles[1],
        body="Trial period ended well; keep the weekly meeting.",
        created_at=company.moment(-20),
    )
    return employees


def _departments() -> dict[str, Department]:
    made = Department.objects.bulk_create(
        Department(name=name, code=code, cost_center=f"CC-{number}00")
        for number, (code, name) in enumerate(words.DEPARTMENTS.items(), start=1)
    )
    return {department.code: department for department in made}


def _positions(departments: dict[str, Department]) -> list[Position]:
    return Position.objects.bulk_create(
        Position(
            title=title,
            department=departments[code],
            level=level,
            salary_min=Decimal(low),
            salary_max=Decimal(high),
        )
        for level, (title, code, low, high) in enumerate(words.POSITIONS, start=1)
    )


def _employees(
    company: Company, profiles: list[Profile], positions: list[Position]
) -> list[Employee]:
    employees = []
    for index in range(EMPLOYEES):
        profile = profiles[index] if index < len(profiles) else None
        position = positions[index % len(positions)]
        if profile is not None:
            first_name, last_name = profile.user.full_name.split(" ", 1)
            email = profile.user.email
        else:
            person = company.person(company.domain)
            first_name, last_name, email = person.first_name, person.last_name, person.email
        low, high = words.POSITIONS[index % len(positions)][2:]
        employees.append(
            Employee(
                number=f"E-{index + 1:04d}",
                profile=profile,
                first_name=first_name,
                last_name=last_name,
                work_email=email,
                position=position,
                department=position.department,
                hired_on=company.day(-company.dice.randint(60, 1500)),
                annual_salary=Decimal(company.dice.randrange(low, high, 500)),
            )
        )
    made = Employee.objects.bulk_create(employees)
    for employee in made[1:]:
        employee.manager = made[0]
    Employee.objects.bulk_update(made, ["manager"])
    return made


def _time_off(company: Company, employees: list[Employee]) -> None:
    annual = TimeOffType.objects.get(code="annual")
    annual.annual_days = ENTITLED_DAYS
    annual.save(update_fields=["annual_days"])
    TimeOffBalance.objects.bulk_create(
        TimeOffBalance(
            employee=employee,
            type=annual,
            year=company.month.year,
            entitled_days=ENTITLED_DAYS,
            used_days=Decimal(company.dice.randint(0, 20)),
        )
        for employee in employees
    )
    requests = []
    for index, employee in enumerate(company.dice.sample(employees, 5)):
        start, days = company.dice.randint(-60, 60), company.dice.randint(1, 10)
        decided = index < 3
        requests.append(
            TimeOffRequest(
                employee=employee,
                type=annual,
                starts_on=company.day(start),
                ends_on=company.day(start + days - 1),
                days=Decimal(days),
                status="approved" if decided else "requested",
                decided_by=employees[0] if decided else None,
                decided_at=company.moment(start - 15) if decided else None,
                requested_at=company.moment(start - 20),
            )
        )
    TimeOffRequest.objects.bulk_create(requests)
