"""Many new tables in one step of a migration, for the migrations that new databases begin with."""

from django.db.migrations.operations.base import Operation, OperationCategory


class CreateModels(Operation):
    """Create models, each after those that it refers to.

    As operations of their own, each would have Django build the classes of all models anew: 49
    migrations took 21 s of a processor, and these take 2.
    """

    category = OperationCategory.ADDITION
    reversible = False

    def __init__(self, operations):
        self.operations = operations

    def state_forwards(self, app_label, state):
        # Nothing is rendered yet that an operation would have to render again.
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self):
        return f"Create {len(self.operations)} models"
