"""The fit on Spark (docs/scale.md): for logs whose factors one machine cannot learn in time.

pyspark is no part of what juliu runs on: `pip install -r requirements/spark.txt`, and Java 17.  Where it runs is
Spark's own configuration (PYSPARK_SUBMIT_ARGS, spark-defaults.conf); without any it is this machine, all its cores.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from scipy.sparse import csr_matrix

from recommender.errors import Trouble
from recommender.learning.als import Factors, Part, beside_each_other, largest_singular_value, thinness
from recommender.learning.signals import Floats
from recommender.learning.weights import Weights

# each iteration is blocks squared pieces of work: few for few watches, and none that no machine could hold
LEAST_BLOCKS, MOST_BLOCKS, WATCHES_A_BLOCK = 2, 200, 1_000_000
# Of the regularization that equal products ask for, by the sample's validation block (bench.recommender.engines):
# NDCG@20 of all of it .055 (implicit .059), of a third .064, a sixth .069, a twelfth .070, a twenty-fourth .070.
LIGHTER = 1 / 12


def fit(matrix: csr_matrix, weights: Weights) -> Factors:
    """als.fit by Spark's ALS, a part for each of weights.regularizations: other numbers of the same worth.

    als.plain holds all vectors down alike (regularization * length ** 2), Spark one of n watches by regParam * n
    (ALS-WR, Zhou et al., AAIM 2008).  Lengths can move from viewers to dramas for nothing, so it is the product of both
    sides that has to be equal: regParam = regularization / root(mean n of viewers * mean n of dramas).
    That holds those who watch much far too hard: LIGHTER of it.

    Raises Trouble where pyspark is not installed; what Spark raises is raised.
    """
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - absent where nobody needs it
    except ImportError as error:
        raise Trouble("no pyspark here: pip install -r requirements/spark.txt") from error
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.appName("juliu train").config(map=quiet).getOrCreate()
    alpha = min(weights.alpha, thinness(matrix))
    try:
        with tempfile.TemporaryDirectory(prefix="juliu-spark-") as folder:
            _put(Path(folder) / "watches", csr_matrix(matrix), alpha)
            largest = largest_singular_value(matrix)
            strengths = [relative * largest for relative in weights.regularizations]
            alone = [_alone(spark, Path(folder), matrix, weights, strength) for strength in strengths]
            return beside_each_other(alone)
    finally:
        spark.stop()


def _alone(spark: Any, folder: Path, matrix: csr_matrix, weights: Weights, strength: float) -> Factors:
    from pyspark.ml.recommendation import ALS  # noqa: PLC0415

    alpha = min(weights.alpha, thinness(matrix))
    regularization = max(1e-3, strength * alpha)
    of_viewers, of_dramas = (matrix.nnz / max(1, len(np.unique(axis))) for axis in matrix.nonzero())
    an_entry = LIGHTER * regularization / float(np.sqrt(of_viewers * of_dramas))
    blocks = min(MOST_BLOCKS, max(LEAST_BLOCKS, matrix.nnz // WATCHES_A_BLOCK))
    model = ALS(
        userCol="viewer", itemCol="drama", ratingCol="worth", implicitPrefs=True, alpha=alpha, regParam=an_entry,
        rank=weights.factors, maxIter=weights.iterations, seed=weights.seed, numUserBlocks=blocks, numItemBlocks=blocks,
    ).fit(spark.read.parquet(str(folder / "watches")))  # fmt: skip
    viewers = _vectors(model.userFactors, folder / "viewers", matrix.shape[0], weights.factors)
    dramas = _vectors(model.itemFactors, folder / "dramas", matrix.shape[1], weights.factors)
    return Factors(viewers, dramas, (Part(weights.factors, alpha, 0.0, an_entry),))


def _put(place: Path, matrix: csr_matrix, alpha: float) -> None:
    """Where a watch weighs alpha * confidence for implicit it weighs 1 + alpha * worth for Spark."""
    entries = matrix.tocoo()
    worth = np.maximum(entries.data - 1 / alpha, 1e-6).astype(np.float32)
    columns = {"viewer": entries.row.astype(np.int32), "drama": entries.col.astype(np.int32), "worth": worth}
    place.mkdir()
    parquet.write_table(pa.table(columns), place / "all.parquet", row_group_size=1_000_000)


def _vectors(found: Any, place: Path, rows: int, factors: int) -> Floats:
    """(rows, factors) of a data frame of ids and features; who has none has 0."""
    found.write.mode("overwrite").parquet(str(place))
    table = parquet.read_table(place)
    vectors: Floats = np.zeros((rows, factors), np.float32)
    flat = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    vectors[table["id"].to_numpy()] = flat.reshape(-1, factors)
    return vectors
