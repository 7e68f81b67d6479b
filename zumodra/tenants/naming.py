"""Names of new tenants: safe in SQL, in the file system, in DNS and in a terminal."""

import hashlib
import re
import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import slugify

from tenant_migrations import conf
from tenant_migrations.exceptions import WrongUse

SCHEMA_PREFIX = "tenant_"
SCHEMA_NAME_BYTES = 63
LABEL_LENGTH = SCHEMA_NAME_BYTES - len(SCHEMA_PREFIX)
DIGEST_LENGTH = 8

DEMO_SCHEMA = re.compile(r"tenant_demo(_\d{3,})?")
_RESERVED_LABELS = re.compile(
    r"demo(-\d+)?|admin|api|app|health|information-schema|localhost|mail|metrics|migrations|public"
    r"|static|status|support|www"
)
_HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def clean_company(name: str) -> str:
    """The name with single spaces. Raises ``WrongUse`` where it is empty, long or unprintable."""
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned:
        raise WrongUse("The company needs a name.")
    if len(cleaned) > 150:
        raise WrongUse(f"The company's name has {len(cleaned)} characters; 150 are allowed.")
    if not cleaned.isprintable():
        raise WrongUse("The company's name has characters that can't be printed; leave them out.")
    return cleaned


def clean_email(address: str) -> str:
    """The address in lower case. Raises ``WrongUse`` where it is none."""
    cleaned = address.strip().lower()
    try:
        validate_email(cleaned)
    except ValidationError:
        raise WrongUse(f"{address!r} is no e-mail address; write it as name@example.com.") from None
    return cleaned


def clean_domain(domain: str) -> str:
    """The host name in lower case. Raises ``WrongUse`` where no tenant can be served under it."""
    cleaned = domain.strip().lower().rstrip(".")
    labels = cleaned.split(".")
    if len(cleaned) > 253 or len(labels) < 2 or not all(map(_HOST_LABEL.fullmatch, labels)):
        raise WrongUse(
            f"{domain!r} is no host name; write it as acme.{settings.BASE_DOMAIN}, without "
            "scheme or port, international names in their xn-- form."
        )
    if labels[0] == "www":
        raise WrongUse(f"Leave out www: {cleaned[4:]!r} is served under www.{cleaned[4:]} too.")
    if cleaned in settings.PUBLIC_HOSTS:
        raise WrongUse(f"{cleaned} is the platform's own host; choose one below it.")
    return cleaned


def label_for(company: str) -> str:
    """A DNS label for the company, the same one each time.

    Where ASCII can't tell the name from others, or the name is too long or reserved, a digest of
    the name is added: two companies of different names never share a label by accident of spelling.
    """
    ascii_name = unicodedata.normalize("NFKD", company)
    label = slugify(ascii_name).replace("_", "-")
    lossless = all(ord(c) < 128 or unicodedata.combining(c) for c in ascii_name)
    if label and lossless and len(label) <= LABEL_LENGTH and not is_reserved(label):
        return label
    return with_digest(label, company)


def with_digest(label: str, company: str) -> str:
    """`label`, cut where needed, followed by a digest of the company's name."""
    digest = hashlib.sha256(company.casefold().encode()).hexdigest()[:DIGEST_LENGTH]
    head = label[: LABEL_LENGTH - DIGEST_LENGTH - 1].strip("-")
    if _is_reference(head):
        head = ""
    return f"{head}-{digest}" if head else f"c-{digest}"


def schema_name_for(label: str) -> str:
    """The schema of the tenant with this label: ASCII, at most 63 bytes, never PostgreSQL's own."""
    return SCHEMA_PREFIX + label.replace("-", "_")


def is_reserved(label: str) -> bool:
    """Whether the label, or the schema that it gives, is kept for something else."""
    return bool(_RESERVED_LABELS.fullmatch(label)) or _is_reference(label)


def _is_reference(label: str) -> bool:
    """Whether the label's schema would pass for a reference schema of ``tenant_migrations``."""
    return schema_name_for(label).startswith(conf.get().REFERENCE_SCHEMA)
