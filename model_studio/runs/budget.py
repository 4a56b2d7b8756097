"""The user's daily budget, held against the ledger's sums of today (local time, list prices)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from ..errors import BudgetReached
from ..request import ImageRequest
from ..words import Text, money


def guard(budgets: Mapping[str, Decimal], request: ImageRequest) -> Callable[[Mapping[str, float]], None] | None:
    """What refuses a request that would pass its currency's budget, given today's sums; None where no budget applies.

    What it raises is BudgetReached. A model without a known price cannot be held against a budget and is refused.
    """
    if not budgets:
        return None
    if request.price is None:
        raise BudgetReached(
            Text(
                "There is no list price for {model} in {region} to hold against MODEL_STUDIO_DAILY_BUDGET.",
                model=request.model.name,
                region=request.region,
            ),
            Text("Nothing was sent. Choose another model, or unset the budget."),
        )
    amount, currency = request.price
    if currency not in budgets:
        return None
    budget, cost = budgets[currency], Decimal(str(amount)) * request.n

    def allowed(spent: Mapping[str, float]) -> None:
        so_far = Decimal(str(spent.get(currency, 0)))
        if so_far + cost > budget:
            raise BudgetReached(
                Text(
                    "This run costs {cost} at list price; with the {so_far} of today it would pass the daily budget of "
                    "{budget}.",
                    cost=money(cost, currency),
                    so_far=money(so_far, currency),
                    budget=money(budget, currency),
                ),
                Text(
                    "Nothing was sent. Ask for fewer pictures or a cheaper model, wait until tomorrow, or raise "
                    "MODEL_STUDIO_DAILY_BUDGET and restart ComfyUI."
                ),
            )

    return allowed
