"""From ClickHouse to lists: what is read, what it is worth, what is learnt.  Only `snapshot` does I/O."""
