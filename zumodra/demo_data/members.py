import hashlib

from zumodra.accounts.models import (
    Invitation,
    NotificationPreference,
    Profile,
    Role,
    Skill,
    Team,
    TeamMembership,
)
from zumodra.custom_account_u.models import User
from zumodra.demo_data import words
from zumodra.demo_data.company import Company

ROLES = [Role.OWNER, Role.ADMIN, Role.MANAGER, Role.MEMBER, Role.MEMBER]
JOB_TITLES = ["Managing director", "Office manager", "Head of hiring", "Engineer", "Bookkeeper"]


def fill_members(company: Company, owner_email: str) -> list[Profile]:
    """Members with their accounts, teams and an invitation. The first is the owner."""
    company.members = _accounts(company, owner_email)
    profiles = Profile.objects.bulk_create(
        Profile(
            user=user,
            uuid=company.uuid(),
            role=role,
            job_title=job_title,
            created_at=company.moment(-400),
        )
        for user, role, job_title in zip(company.members, ROLES, JOB_TITLES, strict=True)
    )
    skills = Skill.objects.bulk_create(Skill(name=name) for name in words.SKILLS)
    Profile.skills.through.objects.bulk_create(
        Profile.skills.through(profile=profile, skill=skill)
        for profile in profiles
        for skill in company.dice.sample(skills, 2)
    )
    NotificationPreference.objects.bulk_create(
        NotificationPreference(
            profile=profile,
            event="application.received",
            channel=NotificationPreference.Channel.EMAIL,
            is_enabled=profile.role != Role.MEMBER,
        )
        for profile in profiles
    )
    _teams(company, profiles)
    return profiles


def _accounts(company: Company, owner_email: str) -> list[User]:
    """The members' accounts; those left by an earlier demo are used again."""
    people = [company.person(company.domain) for _role in ROLES]
    people[0].email = owner_email
    wanted = []
    for person in people:
        user = User(
            email=person.email,
            full_name=f"{person.first_name} {person.last_name}",
            uuid=company.uuid(),
            date_joined=company.moment(-400),
        )
        user.set_unusable_password()
        wanted.append(user)
    emails = [person.email for person in people]
    existing = set(User.objects.filter(email__in=emails).values_list("email", flat=True))
    User.objects.bulk_create(user for user in wanted if user.email not in existing)
    by_email = {user.email: user for user in User.objects.filter(email__in=emails)}
    return [by_email[email] for email in emails]


def _teams(company: Company, profiles: list[Profile]) -> None:
    whole = Team.objects.create(
        name="Everyone", slug="everyone", lead=profiles[0], created_at=company.moment(-400)
    )
    hiring = Team.objects.create(
        name="Hiring",
        slug="hiring",
        parent=whole,
        lead=profiles[2],
        color="#1c7a45",
        created_at=company.moment(-300),
    )
    TeamMembership.objects.bulk_create(
        TeamMembership(
            team=team,
            profile=profile,
            is_lead=profile == team.lead,
            joined_on=company.day(-300),
        )
        for team, members in [(whole, profiles), (hiring, profiles[1:4])]
        for profile in members
    )
    guest = company.person("example.com")
    Invitation.objects.create(
        email=guest.email,
        team=hiring,
        invited_by=profiles[1].user,
        # The hash of something nobody knows: a demo invitation can't be accepted.
        token_hash=hashlib.sha256(company.uuid().bytes).hexdigest(),
        expires_at=company.moment(30),
        created_at=company.moment(-5),
    )
