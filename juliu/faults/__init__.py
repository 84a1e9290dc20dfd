"""Faults done to a running installation under load, and the proof that every event still counts once."""
