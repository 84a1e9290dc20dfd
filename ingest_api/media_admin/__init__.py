"""Media jobs for the staff's tools: hand episodes in, see how they stand, cancel, do again; and CI's hints."""
