"""The catalogue that a training goes by: a base that is replaced while it is read makes no lists of nothing known."""

from __future__ import annotations

import pytest

from domain.catalogue import EMPTY, Catalogue
from infra.catalogue.form import CatalogueDamaged
from infra.settings import Settings
from recommender import main
from tests.catalogue import a_drama

THERE = Catalogue.of([a_drama(1, index=1)])


@pytest.mark.parametrize(("damaged", "read"), [(0, THERE), (1, THERE), (main.TRIES - 1, THERE), (main.TRIES, EMPTY)])
def test_it_is_read_again_a_few_times(damaged, read, monkeypatch):
    answers = [CatalogueDamaged("just forgotten")] * damaged + [THERE]

    async def read_catalogue(_):
        answer = answers.pop(0)
        if isinstance(answer, CatalogueDamaged):
            raise answer
        return answer

    monkeypatch.setattr(main, "read_catalogue", read_catalogue)
    assert main.catalogue_now(Settings()) is read
