"""The canary: a synthetic event goes through the real API, and is followed to a counted key and a queryable row."""
