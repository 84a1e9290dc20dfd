"""GET /v1/feed and "people also watched": lists from Redis, blended by domain.feed, filtered by what is shown."""
