"""The demo: a real watch log goes through the HTTP API, a fed viewer comes out, and every count is proved."""
