"""What a step costs at given prices, in yuan to the billionth, and what a price file may say."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from domain.media.ladder import NAMES
from domain.media.prices import Costs, Prices, costs
from domain.media.record import Usage
from infra.media.price_list import BadPrices, read
from infra.place import ROOT
from tests.media_records import USAGE

PRICES = Prices(
    ci_minute={"360p": Decimal("0.02"), "720p": Decimal("0.04")}, ci_snapshot=Decimal("0.001"),
    storage_gb_month=Decimal("0.12"), cdn_gb=Decimal("0.2"), platform_gb=Decimal("0.5"),
)  # fmt: skip


def test_each_kind_of_use_has_its_price():
    found = costs(USAGE, PRICES)  # 1.5 minutes in two rungs, 3 pictures, 1 GB, 20 and 30 MB a play
    assert found.processing == Decimal("0.03") + Decimal("0.06") + Decimal("0.003")
    assert found.storage_month == Decimal("0.12")
    assert found.cdn_play == Decimal("0.004")
    assert found.platform_play == Decimal("0.015")
    assert found.unpriced == ()


def test_what_has_no_price_is_told_and_not_free():
    found = costs(USAGE, Prices(ci_minute={"360p": Decimal("0.02")}, ci_snapshot=None, cdn_gb=None))
    assert set(found.unpriced) == {"ci_minute.720p", "ci_snapshot", "cdn_gb", "platform_gb"}
    assert found.processing == Decimal("0.03")


def test_every_rung_of_the_ladder_has_a_price():
    assert set(NAMES) == Prices().ci_minute.keys()


def test_nothing_used_costs_nothing_and_lacks_no_price():
    assert costs(Usage(), Prices()) == Costs()


def test_many_small_ones_add_up_without_a_binary_fraction():
    one = costs(Usage(cdn_play_bytes=1_000_000), Prices(cdn_gb=Decimal("0.1"))).cdn_play
    assert sum([one] * 10_000, Decimal(0)) == Decimal(1)


def test_a_file_changes_what_it_says(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text('platform_gb = 0.3  # of the package\n[ci_minute]\n"720p" = 0.02\n', encoding="utf-8")
    prices = read(str(path))
    assert (prices.platform_gb, prices.cdn_gb) == (Decimal("0.3"), Prices().cdn_gb)
    assert prices.ci_minute == {"720p": Decimal("0.02")}
    assert read("") == Prices()


@pytest.mark.parametrize(
    "text",
    ["cdn_gb = -1", "cdn_gb = nan", "cdn_gb = inf", "cdn_gb = 2000000", "cdn_bg = 1", "cdn_gb = ",
     "[ci_minute]\nx = 'y'", 'cdn_gb = "0.1" "', "\xff" * 70_000],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path, text):
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadPrices, match=r"prices\.toml"):
        read(str(path))


def test_the_file_of_the_docs_is_one_and_says_the_defaults(tmp_path):
    (block,) = [text for text in (ROOT / "docs" / "media.md").read_text("utf-8").split("```") if "[ci_minute]" in text]
    path = tmp_path / "prices.toml"
    path.write_text(block, encoding="utf-8")
    assert msgspec.structs.replace(read(str(path)), platform_gb=None) == Prices()


def test_a_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(BadPrices, match="nowhere"):
        read(str(tmp_path / "nowhere.toml"))
