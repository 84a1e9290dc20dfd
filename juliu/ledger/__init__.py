"""Whether the money in MySQL adds up."""
