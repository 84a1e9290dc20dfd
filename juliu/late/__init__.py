"""Late events: how many there are and why, and counting them after all."""
