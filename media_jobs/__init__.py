"""Episodes from an uploaded file to something that plays: a worker, its steps, and two engines that do the work."""
