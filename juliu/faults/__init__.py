"""Harm done to an installation of its own, under load, and the proof that every event still counts once.

Begin with `run` (one fault, played) and `fault` (what a fault is); `matrix/` has them all.
The installation: `arena*`, `crew`, `outfit`.  What can be done to it: `links`, `disks`, `clocks`, `prompt` (typed).
What is sent: `catalogue`, `traffic*`, `hostile` (pure), `load*` (over HTTP), `ledger` (what was sent and answered).
Waiting: `progress` (a fence moves), `quiet` (everything is stored).
What must have come of it: `expected` (folded by hand), `check*` (all of it compared).
What is told: `results`, `page` (docs/faults.md).  Would it be noticed: `sabotage`.
"""
