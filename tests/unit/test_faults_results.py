"""Results that are gone on with, and the page that is made of them."""

from __future__ import annotations

from juliu.faults import page, results
from juliu.faults.matrix import NOT_DONE, faults
from juliu.faults.results import Result, Run
from juliu.faults.run import mix_of


def a_result(**fields) -> Result:
    about = {"fault": "F2", "seed": 1, "events": 20_000, "version": "v1", "sent": 20_000, "ok": True, "recovery_s": 3.2}
    return Result(**about | fields)


def test_the_last_result_of_a_run_counts_and_a_line_cut_short_does_not(tmp_path):
    file = tmp_path / "results.jsonl"
    for one in (a_result(ok=False), a_result(), a_result(seed=2), a_result(version="v2", ok=False)):
        results.append(one, file)
    with file.open("ab") as cut:
        cut.write(b'{"fault":"F3","se')
    found = results.latest(results.read(file))
    assert {run: one.ok for run, one in found.items()} == {
        Run("F2", 1, 20_000, "v1"): True, Run("F2", 2, 20_000, "v1"): True, Run("F2", 1, 20_000, "v2"): False,
    }  # fmt: skip


def test_nothing_that_was_never_run_is_known(tmp_path):
    assert results.read(tmp_path / "none.jsonl") == []


def test_a_run_without_a_rule_is_good_where_it_was_noticed():
    assert a_result().good
    assert not a_result(ok=False).good
    assert a_result(sabotage="window", ok=False, distinct=20_000, double=5).good
    assert not a_result(sabotage="window", distinct=20_000).good
    assert not a_result(sabotage="window", ok=False, problems=["StackError: no Kafka"]).good


def test_the_page_calls_noticed_only_what_the_comparison_noticed():
    away = a_result(sabotage="early_ack", ok=False, problems=["Restless: Kafka does not tell its ends within 240 s"])
    still = a_result(sabotage="fetched_blocks", ok=False, problems=["Restless: group store is at [1]"])
    lines = page.render([away, still]).splitlines()
    assert [line.endswith("| **no** |") for line in lines if line.startswith("| early_ack")] == [True]
    assert [line.endswith("| yes |") for line in lines if line.startswith("| fetched_blocks")] == [True]


def test_the_page_tells_of_every_fault_and_of_those_that_are_not_done():
    text = page.render(
        [a_result(), a_result(seed=2, lost=3, ok=False), a_result(sabotage="window", double=7, ok=False)]
    )
    for name, fault in faults().items():
        assert f"**{name} {fault.title}.** " in text
    for name, why in NOT_DONE.items():
        assert f"- {name}: {why}" in text
    assert "`juliu faults F2 --events 20000`" in text
    assert "| 2 | 40,000 | 0 | 0 | 0 | 3 | 0 | 0 | 3.2 | **not ok** |" in text
    assert "| F2 | 0 | 7 | 0 | yes |" in text


def test_a_change_of_the_fault_or_of_its_sabotage_is_other_code():
    one, family, other = (results.version(faults()[name]) for name in ("F2", "F3", "F6"))
    without = results.version(faults()["F2"], "fence")
    assert one == family  # one module
    assert len({one, other, without}) == 3
    assert {text.partition(".")[0] for text in (one, other, without)} == {one.partition(".")[0]}


def test_the_load_is_neither_over_before_the_fault_begins_nor_endless():
    f9 = faults()["F9"]
    rates = [mix_of(f9, events).rate for events in (3_000, 20_000, 100_000, 1_000_000)]
    assert rates == [200.0, 700.0, 700.0, 5_000.0]
    assert mix_of(faults()["F2"], 100_000).rate == 2_000.0


def test_every_fault_says_what_is_done_and_what_must_hold():
    assert {name for name, fault in faults().items() if len(fault.inject.__doc__ or "") < 60} == set()


def test_the_matrix_is_whole():
    assert {f"F{n}" for n in range(1, 44)} == faults().keys() | NOT_DONE.keys()


def test_the_page_says_what_was_not_run_and_that_runs_are_of_different_code():
    text = page.render([a_result(fault="F2", version="v1.a"), a_result(fault="F4", version="v2.a")])
    not_run = next(line for line in text.splitlines() if line.startswith("**Not run**"))
    assert "F1, F3, F5" in not_run
    assert "F18" not in not_run
    assert "2 versions of the code" in text
    assert "versions of the code" not in page.render([a_result(version="v1.a"), a_result(fault="F4", version="v1.b")])
