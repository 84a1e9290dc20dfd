"""The local stack: real Kafka, ClickHouse, Redis and MariaDB, without containers, in a folder of the checkout."""
