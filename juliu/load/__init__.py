"""Load on a running installation, for the demo and the benchmark: sending over HTTP, and following the fences."""
