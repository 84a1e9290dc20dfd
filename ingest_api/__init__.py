"""HTTP in, Kafka out; also the feed and the product API: one public API."""
