"""Compares what the log, ClickHouse and Redis say, at the same fences, on a live system."""
