"""From settings to models: what an operator says of one reaches whoever runs it."""

from __future__ import annotations

import pytest

from forebay.core.clock import Instant
from forebay.lanes.catalogue import Catalogue
from forebay.settings import ModelSettings, Settings
from forebay.wiring.models import configured_model, windows_of


@pytest.mark.parametrize("takes_prefill", [None, True, False])
def test_a_pool_knows_what_is_set_of_its_models_prefill(takes_prefill: bool | None) -> None:
    settings = Settings()
    told = ModelSettings(engines=[], takes_prefill=takes_prefill)
    model = configured_model("m", told, windows_of(settings), settings, Instant(0))
    assert Catalogue().add(model).pool.takes_prefill is takes_prefill
