"""Honest offline numbers: splits by time, metrics with intervals, any log, every model of the registry."""
