from __future__ import annotations

import pytest

from model_studio.account.key_kinds import advice, regions_of
from model_studio.account.regions import REGIONS

PLANS = ("token-plan-cn-beijing", "token-plan-ap-southeast-1")


@pytest.mark.parametrize("region", REGIONS)
def test_a_refused_key_is_told_where_keys_that_look_so_work(region: str) -> None:
    of_plan, other = advice("sk-sp-0123456789", region), advice("sk-0123456789", region)
    assert (of_plan is None) == (region in PLANS)
    assert (other is None) == (region not in PLANS)
    assert of_plan is None or "region token-plan-cn-beijing or token-plan-ap-southeast-1 only" in of_plan
    assert other is None or "may be one of region cn-beijing or ap-southeast-1 or us-east-1" in other


def test_no_advice_holds_the_key() -> None:
    assert not any("0123" in (advice(key, region) or "") for key in ("sk-sp-0123", "sk-0123") for region in REGIONS)


def test_kinds() -> None:
    assert regions_of("sk-sp-0") == PLANS
    assert not set(regions_of("sk-0")) & {*PLANS, "qwencloud"}
