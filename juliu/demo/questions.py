"""Three questions that an analyst would ask of the views, with their answers."""

from __future__ import annotations

from infra.settings import Settings
from juliu.demo.report import Answer
from juliu.load import sql

QUESTIONS = {
    "How many viewers came each day, and how long did they stay?": """
SELECT day, count() AS viewers, round(avg(sessions), 2) AS sessions_each,
    round(sum(content_ms) / 60000 / viewers, 1) AS minutes_each, sum(valid_plays) AS valid_plays
FROM user_daily GROUP BY day ORDER BY day
""",
    "Which dramas turn a look into a watch?  (the five best of the hundred most shown)": """
SELECT * FROM
(
    SELECT drama_id, sum(impressions) AS shown, sum(valid_plays) AS watched, round(watched / shown, 3) AS rate
    FROM drama_daily GROUP BY drama_id ORDER BY shown DESC LIMIT 100
)
ORDER BY rate DESC LIMIT 5
""",
    "Where do viewers leave?  (the five most viewed episodes)": """
SELECT drama_id, episode_no, viewers, round(complete_rate, 3) AS stayed_to_the_end,
    round(median_furthest_ms / duration_ms, 3) AS half_got_to
FROM episode_dropoff ORDER BY viewers DESC LIMIT 5
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
