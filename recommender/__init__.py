"""ClickHouse in, recommendations in Redis out: one-shot jobs and their schedule."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: implicit's threads and BLAS's fight for the cores
