"""The events route: from a request to acknowledged records in the log."""
