"""ClickHouse in, recommendations in Redis out: one-shot jobs and their schedule."""
