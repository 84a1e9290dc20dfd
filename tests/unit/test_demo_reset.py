"""The demo empties the local stack only, and refuses elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.home import Home
from infra.settings import Settings
from juliu.demo.reset import NotTheLocalStack, empty, require_local

LOCAL = "JULIU_KAFKA=127.0.0.1:18001\nJULIU_REDIS_URL=redis://127.0.0.1:18002/0\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "local.env").write_text(LOCAL)
    return Home(tmp_path)


def test_the_local_stack_is_taken(home):
    require_local(home, Settings(kafka="127.0.0.1:18001", redis_url="redis://127.0.0.1:18002/0"))


@pytest.mark.parametrize(
    "elsewhere", [{"kafka": "kafka.example:9092"}, {"mysql_url": "mysql+pymysql://u@db.example/x"}]
)
def test_another_server_is_refused(home, elsewhere):
    with pytest.raises(NotTheLocalStack, match=next(iter(elsewhere)).upper()):
        require_local(home, Settings(**elsewhere))


def test_before_the_first_start_anything_named_is_refused(tmp_path):
    require_local(Home(tmp_path), Settings())
    with pytest.raises(NotTheLocalStack):
        require_local(Home(tmp_path), Settings(kafka="127.0.0.1:18001"))


def test_emptying_removes_data_and_keeps_ports_and_secrets(home):
    (home.data("kafka") / "log").mkdir(parents=True)
    empty(home, lambda line: None)
    assert not home.data("").exists()
    assert home.local_env.read_text() == LOCAL
    empty(home, lambda line: None)  # again is fine
