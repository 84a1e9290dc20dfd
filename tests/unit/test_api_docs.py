"""The page that shows the contract works where nothing but the API can be reached."""

from __future__ import annotations

import re

from tests.api import Twins, caller


async def test_the_page_of_the_contract_needs_nobody_else():
    async with caller(Twins().app()) as call:
        page = (await call.get("/docs")).text
        linked = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(linked) >= 3
        assert not [one for one in linked if not one.startswith("/")]
        assert {(await call.get(one)).status_code for one in (*linked, "/openapi.json")} == {200}
