"""Histories of migrations, composed by hypothesis from the operations that Django has.

A history is followed in a model of what it has made so far, so that each operation finds what it
needs. Every model has a `code` and a `number`, which no operation takes away; rows are made with
codes of their own. What is drawn is the source of operations, as in a migration's file.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st

FIELDS = (
    "models.CharField(max_length=20, default='x')",
    "models.TextField(null=True)",
    "models.IntegerField(default=7)",
    "models.BigIntegerField(db_index=True, default=0)",
    "models.PositiveSmallIntegerField(default=3)",
    "models.DecimalField(max_digits=8, decimal_places=2, default=0)",
    "models.FloatField(db_default=1.5)",
    "models.BooleanField(default=False)",
    "models.DateField(null=True)",
    "models.DateTimeField(db_default=models.functions.Now())",
    "models.DurationField(null=True)",
    "models.UUIDField(null=True, unique=True)",
    "models.JSONField(default=dict)",
    "models.BinaryField(default=b'')",
    "models.GenericIPAddressField(null=True)",
    "models.SlugField(default='s')",
    "models.CharField(max_length=30, default='', db_collation='C')",
    "models.CharField(max_length=9, default='c', db_comment='said of it', db_column='Odd Name')",
    "models.GeneratedField(expression=models.F('number') * 2, db_persist=True,"
    " output_field=models.BigIntegerField())",
    "ArrayField(models.IntegerField(), default=list)",
)
RELATIONS = (
    "models.ForeignKey('grown.{to}', models.CASCADE, null=True, related_name='+')",
    "models.ForeignKey('grown.{to}', models.CASCADE, null=True, related_name='+',"
    " db_constraint=False)",
    "models.OneToOneField('grown.{to}', models.SET_NULL, null=True, related_name='+')",
    "models.ManyToManyField('grown.{to}', related_name='+')",
)
INDEXES = (
    "models.Index(fields=['code'], name='{name}')",
    "models.Index(fields=['number', '-code'], name='{name}')",
    "models.Index('number', models.functions.Lower('code'), name='{name}')",
    "models.Index(fields=['code'], condition=models.Q(number__gt=1), name='{name}')",
    "models.Index(fields=['code'], include=['number'], name='{name}')",
)
CONSTRAINTS = (
    "models.CheckConstraint(condition=models.Q(number__gte=0), name='{name}')",
    "models.UniqueConstraint(fields=['code', 'number'], name='{name}')",
    "models.UniqueConstraint(fields=['code'], condition=models.Q(number=5), name='{name}')",
    "models.UniqueConstraint(models.functions.Lower('code'), name='{name}')",
    "models.UniqueConstraint(fields=['code'], deferrable=models.Deferrable.DEFERRED,"
    " name='{name}')",
)
MAKE_ROWS = (
    "RunPython(lambda apps, editor: [apps.get_model('grown', '{model}').objects.create("
    "code='{model}{start}-%d' % n, number=n) for n in range(3)], RunPython.noop, elidable=True)"
)
BASE = (
    "('id', models.BigAutoField(primary_key=True)),"
    " ('code', models.CharField(max_length=50)), ('number', models.IntegerField(default=0))"
)


@dataclass
class Model:
    """One model as the history has made it so far."""

    table: str = ""
    """Set where it is not the usual one."""
    fields: set[str] = field(default_factory=set)
    relations: set[str] = field(default_factory=set)
    indexes: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One migration: the source of its operations."""

    operations: str
    atomic: bool = True


class Composer:
    """Draws a history."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.models: dict[str, Model] = {}
        self.number = 0
        self.sorts = ["schema", "schema", "schema", "rows"]
        if draw(st.sampled_from([False, False, True])):
            # Not in all: tenants share what was worked out only where all is in transactions.
            self.sorts.append("outside")

    def history(self, least: int, most: int) -> list[Step]:
        """The first migration makes two models."""
        steps = [Step(", ".join(self.create_model() for _ in range(2)))]
        wanted = self.draw(st.integers(least, most))
        return [*steps, *(self.step() for _ in range(wanted - 1))]

    def step(self) -> Step:
        """Rows in a migration of their own: Django can't change a table in which it just wrote."""
        sort = self.draw(st.sampled_from(self.sorts))
        if sort == "rows":
            return Step(self.draw(st.sampled_from([self.rows, self.sql, self.sql_with_values]))())
        if sort == "outside":
            return Step(f"{self.concurrent_index()}, {self.add_field()}", atomic=False)
        moves = self.draw(st.lists(st.sampled_from(SCHEMA), min_size=2, max_size=4))
        made = [text for move in moves if (text := getattr(self, move)())]
        return Step(", ".join(made or [self.add_field()]))

    # --- what is there

    def new(self, stem: str) -> str:
        self.number += 1
        return f"{stem}{self.number}"

    def model(self) -> str:
        return str(self.draw(st.sampled_from(sorted(self.models))))

    def table(self, name: str) -> str:
        return self.models[name].table or f"grown_{name.lower()}"

    # --- operations; empty where there is nothing to do it to

    def create_model(self) -> str:
        name = self.new("Model")
        self.models[name] = Model()
        return f"CreateModel('{name}', [{BASE}])"

    def delete_model(self) -> str:
        pointed_at = {to for model in self.models.values() for to in model.relations}
        free = [name for name in sorted(self.models) if name not in pointed_at]
        if len(self.models) < 3 or not free:
            return ""
        name = self.draw(st.sampled_from(free))
        del self.models[name]
        return f"DeleteModel('{name}')"

    def add_field(self) -> str:
        model, name = self.model(), self.new("field")
        source = self.draw(st.sampled_from(FIELDS))
        if "db_column" in source:
            source = source.replace("Odd Name", f"Odd {name}")
        self.models[model].fields.add(name)
        return f"AddField('{model}', '{name}', {source})"

    def relate(self) -> str:
        model, to, name = self.model(), self.model(), self.new("relation")
        self.models[model].relations.add(to)
        source = self.draw(st.sampled_from(RELATIONS)).format(to=to)
        return f"AddField('{model}', '{name}', {source})"

    def relate_through(self) -> str:
        """A model of its own between two others, which keeps what they have in common."""
        one, other, through = self.model(), self.model(), self.new("Through")
        self.models[through] = Model(relations={one, other})
        self.models[one].relations |= {other, through}
        links = ", ".join(
            f"('{side}', models.ForeignKey('grown.{to}', models.CASCADE, related_name='+'))"
            for side, to in (("one", one), ("other", other))
        )
        field = (
            f"models.ManyToManyField('grown.{other}', through='grown.{through}',"
            " through_fields=('one', 'other'), related_name='+')"
        )
        return (
            f"CreateModel('{through}', [{BASE}, {links}]), "
            f"AddField('{one}', '{self.new('relation')}', {field})"
        )

    def remove_field(self) -> str:
        model = self.model()
        if not (fields := self.models[model].fields):
            return ""
        name = self.draw(st.sampled_from(sorted(fields)))
        fields.remove(name)
        return f"RemoveField('{model}', '{name}')"

    def rename_field(self) -> str:
        model = self.model()
        if not (fields := self.models[model].fields):
            return ""
        name, new = self.draw(st.sampled_from(sorted(fields))), self.new("renamed")
        fields.remove(name)
        fields.add(new)
        return f"RenameField('{model}', '{name}', '{new}')"

    def alter_field(self) -> str:
        length = self.draw(st.integers(50, 99))
        return (
            f"AlterField('{self.model()}', 'code', models.CharField(max_length={length},"
            f" db_index={length % 2 == 0}, default=''))"
        )

    def add_index(self) -> str:
        return f"AddIndex('{(model := self.model())}', {self._index(model)})"

    def concurrent_index(self) -> str:
        return f"AddIndexConcurrently('{(model := self.model())}', {self._index(model)})"

    def _index(self, model: str) -> str:
        name = self.new("index")
        self.models[model].indexes.append(name)
        return str(self.draw(st.sampled_from(INDEXES)).format(name=name))

    def rename_index(self) -> str:
        model = self.model()
        if not (indexes := self.models[model].indexes):
            return ""
        old, new = indexes.pop(), self.new("renamed_index")
        indexes.append(new)
        return f"RenameIndex('{model}', new_name='{new}', old_name='{old}')"

    def remove_index(self) -> str:
        model = self.model()
        if not (indexes := self.models[model].indexes):
            return ""
        return f"RemoveIndex('{model}', '{indexes.pop()}')"

    def add_constraint(self) -> str:
        model, name = self.model(), self.new("constraint")
        self.models[model].constraints.append(name)
        source = self.draw(st.sampled_from(CONSTRAINTS)).format(name=name)
        return f"AddConstraint('{model}', {source})"

    def remove_constraint(self) -> str:
        model = self.model()
        if not (constraints := self.models[model].constraints):
            return ""
        return f"RemoveConstraint('{model}', '{constraints.pop()}')"

    def together(self) -> str:
        value = self.draw(st.sampled_from(["{('code', 'number')}", "set()"]))
        return f"AlterUniqueTogether('{self.model()}', {value})"

    def alter_table(self) -> str:
        model = self.model()
        self.models[model].table = self.new("table")
        return f"AlterModelTable('{model}', '{self.models[model].table}')"

    def comment(self) -> str:
        return f"AlterModelTableComment('{self.model()}', '{self.new('Said of it')}')"

    def options(self) -> str:
        return f"AlterModelOptions('{self.model()}', {{'ordering': ['number']}})"

    def rename_model(self) -> str:
        old, new = self.model(), self.new("Renamed")
        self.models[new] = self.models.pop(old)
        for model in self.models.values():
            model.relations = {new if to == old else to for to in model.relations}
        return f"RenameModel('{old}', '{new}')"

    def separate(self) -> str:
        model, name = self.model(), self.new("apart")
        self.models[model].fields.add(name)
        return (
            "SeparateDatabaseAndState("
            f"database_operations=[RunSQL('ALTER TABLE {self.table(model)} ADD {name} integer')],"
            f" state_operations=[AddField('{model}', '{name}', models.IntegerField(null=True))])"
        )

    def rows(self) -> str:
        self.number += 1
        return MAKE_ROWS.replace("{model}", self.model()).replace("{start}", str(self.number))

    def sql(self) -> str:
        return f"RunSQL('UPDATE {self.table(self.model())} SET number = number + 1')"

    def sql_with_values(self) -> str:
        model, mark = self.model(), self.new("it's 5% ")
        return (
            f'RunSQL([("UPDATE {self.table(model)} SET code = code || %s WHERE number = %s",'
            f' ["{mark}", 1])])'
        )


SCHEMA = (
    "relate",
    "relate",
    "relate_through",
    "add_field",
    "add_field",
    "create_model",
    "delete_model",
    "remove_field",
    "rename_field",
    "alter_field",
    "add_index",
    "rename_index",
    "remove_index",
    "add_constraint",
    "remove_constraint",
    "together",
    "alter_table",
    "comment",
    "options",
    "rename_model",
    "separate",
)
"""Methods that draw an operation on the schema."""


@st.composite
def histories(draw: st.DrawFn, least: int, most: int) -> list[Step]:
    """Histories of so many migrations."""
    return Composer(draw).history(least, most)
