"""What was ordered, as it stands on juliu.media: told from the ends of steps, and refused where it cannot be so."""

from __future__ import annotations

import msgspec
import pytest

from domain.media import orders, record
from domain.media.orders import AT_TERMINAL, MAX_DETAIL, By, Surface, What
from infra.media.orders import ordered
from tests.media_records import AT_MS, a_record

ANNA = By(Surface.API, "41")


def test_an_order_comes_back_as_it_was_written():
    order = ordered(ANNA, What.TICK, AT_MS, 7, episode_no=3, job_id=9, detail="备案 V1")
    assert orders.decode(orders.encode(order)) == order
    assert (order.surface, order.who) == ("api", "41")


def test_two_orders_never_share_a_name():
    assert len({ordered(AT_TERMINAL, What.CANCEL, AT_MS, 7).record_id for _ in range(1_000)}) == 1_000


def test_what_lies_on_the_log_is_the_one_or_the_other():
    assert orders.is_order(orders.encode(ordered(ANNA, What.RETRY, AT_MS, 7)))
    for other in (record.encode(a_record()), b"", b"{", b"null", b"[1]", b'{"what": 7}'):
        assert not orders.is_order(other)
    assert orders.is_order(b'{"what": "unheard"}'), "of a version to come: it is poison, and says why"


def test_a_long_detail_is_cut_and_not_lost():
    order = ordered(ANNA, What.SUBMIT, AT_MS, 7, detail="x" * 999)
    assert orders.decode(orders.encode(order)).detail == "x" * MAX_DETAIL


@pytest.mark.parametrize(
    "change",
    [{"record_id": ""}, {"record_id": "x" * 65}, {"who": ""}, {"who": "x" * 65}, {"detail": "x" * 301}, {"at_ms": 0},
     {"at_ms": 1 << 60}, {"drama_id": 0}, {"job_id": -1}, {"episode_no": 1 << 32}, {"what": "x"}, {"surface": "x"},
     {"who": 7}],
)  # fmt: skip
def test_what_no_writer_of_ours_says_is_refused(change: dict[str, object]):
    said = msgspec.json.decode(orders.encode(ordered(ANNA, What.RETRY, AT_MS, 7))) | change
    with pytest.raises(ValueError, match=r"."):
        orders.decode(msgspec.json.encode(said))
