"""Three questions that an analyst would ask of the views, with their answers."""

from __future__ import annotations

from infra.settings import Settings
from juliu.demo.report import Answer
from juliu.load import sql

QUESTIONS = {
    "Which dramas hold their viewers?  (of those with 200 valid plays)": """
SELECT 1
""",
}


def ask(settings: Settings) -> list[Answer]:
    """The answers, in order."""
    statements = [statement.strip() for statement in QUESTIONS.values()]
    found = sql.ask(settings, *statements)
    return [
        Answer(question, statement, one.columns, one.rows)
        for question, statement, one in zip(QUESTIONS, statements, found, strict=True)
    ]
