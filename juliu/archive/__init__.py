"""Months of ClickHouse as files: written by `juliu archive`, brought back by `juliu rebuild clickhouse`."""
