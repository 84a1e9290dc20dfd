"""Files of the local engine at signed addresses: what a bucket's own addresses are with the other engine."""
