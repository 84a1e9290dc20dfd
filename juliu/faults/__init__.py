"""Harm done to an installation of its own, under load, and the proof that every event still counts once.

Begin with `run` (one fault, played) and `fault` (what a fault is); `matrix/` has them all.
Where: `arena*`, `crew`, `outfit` (the installation), `links`, `disks`, `clocks` (what can be done to it), `prompt`.
What is sent: `catalogue`, `traffic*`, `hostile` (pure), `load*` (over HTTP), `ledger` (what was sent and answered).
What must have come of it: `expected` (folded by hand), `quiet` (everything is stored), `check*` (all of it compared).
What is told: `results`, `page` (docs/faults.md).  Would it be noticed: `sabotage`.
"""
