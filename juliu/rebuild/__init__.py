"""Making a store anew from the others: Redis from ClickHouse and the log (decision 0011)."""
