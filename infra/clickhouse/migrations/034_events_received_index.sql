ALTER TABLE events ADD INDEX IF NOT EXISTS received received_at TYPE minmax GRANULARITY 1
