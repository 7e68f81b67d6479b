"""Which references suit the code that a process has loaded."""

from tenant_migrations.provisioning.loaded import LoadedCode, Note


def passed(code: LoadedCode) -> tuple[Note, ...]:
    return tuple((*key, code.source_digest(key)) for key in code.full_plan)


def test_a_reference_that_passed_the_same_migrations_suits() -> None:
    code = LoadedCode()
    assert code.suits(passed(code))


def test_one_that_passed_more_of_newer_code_suits_too() -> None:
    code = LoadedCode()
    assert code.suits((*passed(code), ("finance", "9999_newer", "0" * 64)))


def test_one_that_lacks_a_migration_or_passed_another_version_of_it_does_not() -> None:
    code = LoadedCode()
    *most, (app, name, _) = passed(code)
    assert not code.suits(tuple(most))
    assert not code.suits((*most, (app, name, "0" * 64)))


def test_one_that_passed_migrations_of_an_app_that_is_gone_does_not() -> None:
    code = LoadedCode()
    assert not code.suits((*passed(code), ("gone", "0001_initial", "0" * 64)))
