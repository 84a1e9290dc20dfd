"""One training as a whole: the job, the gate that it must pass, and what the registry keeps of it."""
