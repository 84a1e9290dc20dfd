"""Models behind one interface (recommender.models.model), one a file; `registry` names those that are measured."""
