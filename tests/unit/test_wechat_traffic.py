"""What is left of WeChat's traffic packages, and for how long."""

from __future__ import annotations

import pytest

from media_jobs.wechat.shapes import Package, Used
from media_jobs.wechat.traffic import level, summed

NOW_MS, END_S = 1_700_000_000_000, 1_800_000_000


def test_what_is_left_lasts_at_the_mean_of_seven_days():
    packages = [Package(used=40_000, all=100_000, end_time=END_S), Package(used=0, all=20_000, end_time=END_S)]
    used = [Used(time=0, value=70_000 * 1_000_000)]
    traffic = summed(packages, used, NOW_MS)
    assert (traffic.left, traffic.days) == (pytest.approx(2 / 3), pytest.approx(8.0))


def test_a_package_that_has_expired_is_worth_nothing():
    assert summed([Package(used=0, all=100, end_time=1)], [], NOW_MS).left == 0.0


def test_without_packages_nothing_is_left():
    traffic = summed([], [], NOW_MS)
    assert (traffic.left, traffic.days) == (0.0, 0.0)


def test_unused_traffic_lasts_a_year_at_most():
    assert summed([Package(used=0, all=100, end_time=END_S)], [], NOW_MS).days == 365.0


@pytest.mark.parametrize(("left", "reached"), [(0.5, None), (0.2, 0.2), (0.15, 0.2), (0.1, 0.1), (0.0, 0.0)])
def test_the_levels_are_those_that_wechat_tells(left, reached):
    assert level(left) == reached
