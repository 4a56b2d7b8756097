"""The user's daily budget, held against the ledger's sums of today (local time, list prices)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from ..catalog import TOKEN_PLANS, Model
from ..errors import BudgetReached
from ..words import Text, money


class Priced(Protocol):
    """What is known of a request's price: an ImageRequest, or what a node holds so far."""

    @property
    def model(self) -> Model: ...
    @property
    def region(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def price(self) -> tuple[float, str] | None:
        """Of one picture: amount, currency."""


def guard(budgets: Mapping[str, Decimal], request: Priced) -> Callable[[Mapping[str, float]], None] | None:
    """What refuses a request that would exceed its currency's budget, given today's sums; None where none is set.

    What it raises is BudgetReached. Where a budget is set, that of a currency which it does not name is 0: the region
    comes with the workflow, and decides the currency. A model without a known price cannot be held against a budget
    and is refused. What is paid with the credits of a plan costs no money.
    """
    if not budgets or request.region in TOKEN_PLANS:
        return None
    if request.price is None:
        raise BudgetReached(
            Text(
                "There is no list price for {model} in {region} to check against MODEL_STUDIO_DAILY_BUDGET.",
                model=request.model.name,
                region=request.region,
            ),
            Text("Nothing was sent. Choose another model, or unset the budget."),
        )
    amount, currency = request.price
    cost = Decimal(str(amount)) * request.n
    if currency not in budgets:
        if cost == 0:
            return None
        raise _not_named(budgets, cost, currency)
    budget = budgets[currency]

    def allowed(spent: Mapping[str, float]) -> None:
        so_far = Decimal(str(spent.get(currency, 0)))
        if so_far + cost > budget:
            raise BudgetReached(
                Text(
                    "This run costs {cost} at list price; with the {so_far} of today it would exceed the daily budget "
                    "of {budget}.",
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


def _not_named(budgets: Mapping[str, Decimal], cost: Decimal, currency: str) -> BudgetReached:
    named = [f"{name} {amount:f}" for name, amount in budgets.items()]
    return BudgetReached(
        Text(
            "This run costs {cost} at list price, and MODEL_STUDIO_DAILY_BUDGET allows nothing in {currency}.",
            cost=money(cost, currency),
            currency=currency,
        ),
        Text(
            "Nothing was sent. To allow it, set MODEL_STUDIO_DAILY_BUDGET to {example}, for instance, and restart "
            "ComfyUI; or choose a region that is billed in another currency.",
            example=", ".join([*named, f"{currency} 3"]),
        ),
    )
