from decimal import Decimal

from zumodra.accounts.models import Profile
from zumodra.ats.models import (
    Application,
    Candidate,
    CandidateTag,
    Interview,
    InterviewFeedback,
    Job,
    JobCategory,
    Note,
    Offer,
    Pipeline,
    PipelineStage,
    StageChange,
    Tag,
)
from zumodra.demo_data import words
from zumodra.demo_data.company import Company
from zumodra.hr_core.models import Employee

CANDIDATES = 14
INTERVIEWS = 5


def fill_hiring(
    company: Company, profiles: list[Profile], employees: list[Employee]
) -> list[Application]:
    """Jobs, candidates and how far they have come."""
    pipeline = Pipeline.objects.order_by("-is_default", "pk").get()
    stages = list(pipeline.stages.order_by("position"))
    jobs = _jobs(company, pipeline, employees)
    candidates = _candidates(company)
    applications = Application.objects.bulk_create(
        Application(
            candidate=candidate,
            job=company.dice.choice(jobs),
            stage=stages[0],
            owner=profiles[2],
            rating=company.dice.choice([None, 2, 3, 4, 5]),
            applied_at=company.moment(-company.dice.randint(10, 80)),
        )
        for candidate in candidates
    )
    _move_on(company, applications, stages)
    _interviews(company, applications, profiles)
    Offer.objects.create(
        application=applications[0],
        status=Offer.Status.SENT,
        annual_salary=Decimal(61500),
        starts_on=company.day(45),
        expires_on=company.day(14),
        sent_at=company.moment(-2),
        created_by=profiles[2].user,
    )
    Note.objects.create(
        candidate=candidates[0],
        application=applications[0],
        author=profiles[2].user,
        body="Asked for two weeks to decide.",
        created_at=company.moment(-1),
    )
    return applications


def _jobs(company: Company, pipeline: Pipeline, employees: list[Employee]) -> list[Job]:
    categories = JobCategory.objects.bulk_create(
        JobCategory(name=name) for name in words.CATEGORIES
    )
    departments = {employee.department.code: employee.department for employee in employees}
    return Job.objects.bulk_create(
        Job(
            uuid=company.uuid(),
            reference=f"JOB-{number:04d}",
            title=title,
            description=f"We are looking for a {title.lower()} to join us.",
            category=categories[number % len(categories)],
            department=departments[code],
            pipeline=pipeline,
            hiring_manager=company.members[2],
            status=Job.Status.OPEN if number < 4 else Job.Status.DRAFT,
            location="Lisbon",
            is_remote=number % 2 == 0,
            headcount=number,
            salary_min=Decimal(low),
            salary_max=Decimal(high),
            published_at=company.moment(-90 + number) if number < 4 else None,
            created_at=company.moment(-100 + number),
        )
        for number, (title, code, low, high) in enumerate(words.POSITIONS[:4], start=1)
    )


def _candidates(company: Company) -> list[Candidate]:
    people = [company.person("example.com") for _number in range(CANDIDATES)]
    candidates = Candidate.objects.bulk_create(
        Candidate(
            uuid=company.uuid(),
            first_name=person.first_name,
            last_name=person.last_name,
            email=person.email,
            headline=company.dice.choice(words.POSITIONS)[0],
            source=company.dice.choice(words.SOURCES),
            consent_until=company.day(365),
            created_at=company.moment(-85),
        )
        for person in people
    )
    tags = Tag.objects.bulk_create(Tag(name=name) for name in words.TAGS)
    CandidateTag.objects.bulk_create(
        CandidateTag(candidate=candidate, tag=company.dice.choice(tags), added_on=company.day(-80))
        for candidate in candidates[::2]
    )
    return candidates


def _move_on(
    company: Company, applications: list[Application], stages: list[PipelineStage]
) -> None:
    """Spread the applications over the stages; the trigger records each move."""
    for application in applications:
        application.stage = company.dice.choice(stages)
    applications[0].stage = next(stage for stage in stages if stage.name == "Offer")
    Application.objects.bulk_update(applications, ["stage"])
    StageChange.objects.update(changed_at=company.moment(-7))


def _interviews(company: Company, applications: list[Application], profiles: list[Profile]) -> None:
    interviews = Interview.objects.bulk_create(
        Interview(
            application=application,
            kind=company.dice.choice(Interview.Kind.values),
            status=Interview.Status.HELD if index < 3 else Interview.Status.PLANNED,
            starts_at=company.moment(-10 + 5 * index, hour=10 + index),
        )
        for index, application in enumerate(applications[:INTERVIEWS])
    )
    Interview.interviewers.through.objects.bulk_create(
        Interview.interviewers.through(interview=interview, profile=profile)
        for interview in interviews
        for profile in profiles[1:3]
    )
    InterviewFeedback.objects.bulk_create(
        InterviewFeedback(
            interview=interview,
            author=profiles[2],
            score=company.dice.randint(2, 5),
            comment="Clear answers, asked good questions.",
            created_at=company.moment(-9 + 5 * index, hour=15),
        )
        for index, interview in enumerate(interviews[:3])
    )
