"""`juliu relay`: tells the log what MySQL decided, in order per viewer, at least once; the windows drop copies."""
