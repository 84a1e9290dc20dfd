"""ClickHouse: the schema, views for analysts, clients, and the store of rows that the log is written into."""
