"""The counters' rows, at 0; one that is there keeps its number."""

from alembic import op

revision = "0005"
down_revision = "0004"

NAMES = ("index", "revision", "base", "publish", "takedowns")


def upgrade() -> None:
    rows = ", ".join(f"('{name}', 0)" for name in NAMES)
    op.execute(f"INSERT IGNORE INTO catalogue_counters (name, value) VALUES {rows}")  # noqa: S608 - constants above
