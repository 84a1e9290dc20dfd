"""Kafka in, Redis and ClickHouse out: the Faust workers."""
