"""Media jobs in MySQL, for the worker, the API and the commands alike."""
