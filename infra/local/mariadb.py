"""MariaDB, as Debian packages it, standing in for MySQL 8."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pymysql

from infra.local.errors import NotReady, StackError
from infra.local.files import write_whole
from infra.local.filled import fill
from infra.local.home import HOST, Home
from infra.local.local_env import MYSQL_DATABASE, MYSQL_USER
from infra.local.program import CLEAN_BY_DEFAULT, Kind

_TIMEOUT_S = 1
_INSTALL_WITHIN_S = 120

# Run at every start, so that a new local.env works with old data.
_INIT = """\
CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
CREATE USER IF NOT EXISTS '{user}'@'127.0.0.1' IDENTIFIED BY '{password}';
ALTER USER '{user}'@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON `{database}%`.* TO '{user}'@'127.0.0.1';
"""


@dataclass(frozen=True)
class MariaDB:
    """One MariaDB server on a loopback port; `password` is that of the user juliu (letters, digits, - and _)."""

    home: Home
    port: int
    password: str
    name: str = "mysql"
    kind: Kind = "server"
    start_within_s: float = 120.0  # crash recovery included
    stop_within_s: float = 30.0
    clean_exits: frozenset[int] = CLEAN_BY_DEFAULT

    @property
    def _config(self) -> Path:
        return self.home.run(self.name) / "my.cnf"

    def prepare(self) -> None:
        """Write my.cnf and the user; make the system tables once."""
        run = self.home.run(self.name)
        (run / "tmp").mkdir(parents=True, exist_ok=True)
        fill("mariadb.cnf", self._config, port=self.port, data=self.home.data(self.name), run=run)
        init = _INIT.format(database=MYSQL_DATABASE, user=MYSQL_USER, password=self.password)
        write_whole(run / "init.sql", init, mode=0o600)
        if not self.home.data(self.name).exists():
            self._install()

    def _install(self) -> None:
        """Make the data folder beside its place and move it there when it is whole."""
        partial = self.home.data(f"{self.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="juliu-") as plain:  # the installer, a script, breaks paths at blanks
            link = Path(plain) / "data"
            link.symlink_to(partial)
            self._run_installer(link)
        partial.rename(self.home.data(self.name))

    def _run_installer(self, data: Path) -> None:
        user, printed = getpass.getuser(), self.home.log("mysql-install")
        with printed.open("wb") as log:
            made = subprocess.run(
                ["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--user={user}", "--skip-test-db",
                 "--auth-root-authentication-method=socket", f"--auth-root-socket-user={user}",
                 "--innodb-log-file-size=16M"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=_INSTALL_WITHIN_S, check=False,
            )  # fmt: skip
        if made.returncode:
            raise StackError(f"MariaDB could not make its data folder; see {printed}")

    def command(self) -> list[str]:
        """The server in the foreground, as the user that we are."""
        return [server_path(), f"--defaults-file={self._config}", f"--user={getpass.getuser()}"]

    def environment(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def addresses(self) -> Mapping[str, str]:
        """Host and port."""
        return {"address": f"{HOST}:{self.port}"}

    def probe(self) -> str:
        """Log in as juliu and ask for the version."""
        try:
            connection = pymysql.connect(
                host=HOST, port=self.port, user=MYSQL_USER, password=self.password, database=MYSQL_DATABASE,
                connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, write_timeout=_TIMEOUT_S,
            )  # fmt: skip
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT VERSION()")
                (version,) = cursor.fetchone() or ("",)
        except (pymysql.MySQLError, OSError) as error:
            raise NotReady(str(error)) from error
        return str(version)


def server_path() -> str:
    """The server program: Debian keeps it in /usr/sbin, which is not on everybody's PATH."""
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin") or "mariadbd"
