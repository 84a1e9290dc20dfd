"""What a screen shows besides the feed: numbers of a drama, hot and trending lists, a viewer's progress and history."""
