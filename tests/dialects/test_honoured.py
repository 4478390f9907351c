"""What the tables call honoured is honoured: each parameter changes what it says, where it says."""

from __future__ import annotations

import pytest

from tests.dialects.apis import APIS
from tests.dialects.honoured import Api, Case


@pytest.mark.parametrize(
    ("api", "case"),
    [
        pytest.param(api, case, id=f"{api.path}-{case.name}-{number}")
        for api in APIS
        for number, case in enumerate(api.cases)
    ],
)
def test_an_honoured_parameter_changes_what_it_is_about(api: Api, case: Case) -> None:
    assert api.seen(case) == case.seen
    assert api.seen(case, is_without=True) != case.seen


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_every_honoured_parameter_has_a_case(api: Api) -> None:
    cases = {case.name for case in api.cases} | api.elsewhere
    assert cases == api.parameters.honoured | api.parameters.partly.keys()
