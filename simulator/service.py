"""The service without HTTP: accounts, limits, tasks, pictures and what has been billed."""

from __future__ import annotations

import random
import threading
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import Any

from simulator import answers, rules
from simulator.config import Account, Clock, Config
from simulator.drawing import Drawing
from simulator.extras import scenes
from simulator.faults import Fault, Faults
from simulator.listing import read_list_query
from simulator.models import MODELS, WITHOUT_TASKS, Model, Rate
from simulator.pictures import LIFETIME, PictureStore
from simulator.rules import SEED_MAX, Order, ServiceFault
from simulator.tasks import Failure, Pictures, Task, queue_up

OTHER_MODELS = (
    "qwen-plus",
    "qwen3-vl-plus",
    "qwen-image-edit-plus",
    "wan2.6-t2v",
    "cosyvoice-v3",
)  # not of pictures alone
QUERIES = Rate(20, 1)  # GET, cancel and list together, per account (API documentation)


@dataclass(frozen=True)
class Billed:
    """A charge: `images` pictures of one request. `paths` are keys of `Service.pictures`."""

    request_id: str
    task_id: str | None
    account: str
    model: str
    region: str
    images: int
    size: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Caller:
    """Who asks for what: the account behind the key, and scheme and host as the client wrote them."""

    account: Account
    request_id: str
    origin: str


@dataclass(frozen=True)
class Created:
    """The answer to a creating request, and the seconds after which a synchronous one is due."""

    body: dict[str, Any]
    model: Model
    seconds: float


class Service:
    """All state. Called from the server's thread; looking at it from another is safe."""

    def __init__(self, config: Config, clock: Clock, faults: Faults) -> None:
        self.config, self.clock, self.faults = config, clock, faults
        self.pictures = PictureStore()
        self.tasks: dict[str, Task] = {}
        self._dropped: dict[str, Task] = {}
        self._charges: list[tuple[Billed, Task | None]] = []
        self._seen: defaultdict[object, deque[float]] = defaultdict(deque)
        self._lock = threading.RLock()

    @property
    def billed(self) -> list[Billed]:
        """Charges so far. A task that will succeed counts as soon as it is accepted: only a cancel can stop it."""
        with self._lock:
            return [charge for charge, task in self._charges if task is None or task.canceled is None]

    def reset(self) -> None:
        """Forgets tasks, charges and the counts of the limits; links to pictures stay good.

        Tasks at work are canceled first, and say so: who waits for a task that is UNKNOWN waits on.
        """
        with self._lock:
            now = self.clock.now()
            self._dropped.update({task.id: task for task in self.tasks.values() if task.drop(now)})
            self.tasks.clear()
            self._charges.clear()
            self._seen.clear()

    def authorise(self, region: str, authorization: str | None) -> Account:
        """A key of another region counts as none (API documentation)."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ServiceFault("InvalidApiKey", "No API-key provided.")
        account = self.config.keys.get(key.strip())
        if account is None or account.region != region:
            raise ServiceFault("InvalidApiKey")
        return account

    def create(self, caller: Caller, endpoint: str, is_async: bool, raw: bytes) -> Created:
        """The checks in the service's order, then pictures or a task."""
        body = rules.parse_body(raw)
        model = rules.find_model(body, caller.account.region)
        rules.fit_endpoint(model, endpoint, is_async, caller.account.region)
        self._limit((caller.account, model.id), model.rate_in(caller.account.region))
        fault = self.faults.take("create", "task", model.id)
        if is_async:
            task = self._submit(caller, model, endpoint, body, fault)
            return Created(answers.submit_body(task), model, 0.0)
        order = self._read(model, endpoint, body)
        outcome = self._produce(caller, order, fault, self.clock.now())
        if isinstance(outcome, Failure):
            raise ServiceFault(outcome.code, outcome.message)
        self._charge(caller, model, outcome, None)
        done = answers.sync_body(caller.request_id, order, outcome, caller.origin, self.config.choices_style)
        return Created(done, model, self.config.sync_wait(model))

    def query(self, caller: Caller, task_id: str, is_async: bool) -> dict[str, Any]:
        """A task's state. Unknown ids, those of others and those older than 24 hours are UNKNOWN, not an error."""
        if is_async:  # observed: the header of a submit is refused here
            raise ServiceFault("AccessDenied")
        self._about_tasks(caller)
        task = self._find(caller, task_id)
        if task is None:
            return answers.unknown_body(caller.request_id, task_id)
        fault = self.faults.take("poll", "task", task.model)
        with self._lock:
            state = fault["state"] if fault else task.read(self.clock.now())
        return answers.task_body(caller.request_id, task, state, caller.origin, self.config.choices_style)

    def cancel(self, caller: Caller, task_id: str) -> dict[str, Any]:
        self._about_tasks(caller)
        task = self._find(caller, task_id)
        with self._lock:
            if task is None or not task.cancel(self.clock.now()):
                raise ServiceFault("UnsupportedOperation")
            self._queue(task)
        return {"request_id": caller.request_id}

    def list(self, caller: Caller, query: dict[str, str]) -> dict[str, Any]:
        """Tasks of the account in the region that fit the query, newest first."""
        self._about_tasks(caller)
        now = self.clock.now()
        wanted = read_list_query(query, now)
        fault = self.faults.take("list", "task", wanted.model)
        known_until = now - fault["seconds"] if fault else now
        found = [
            task
            for task in reversed(list(self.tasks.values()))
            if Account(task.account, task.region) == caller.account
            and task.submitted <= known_until
            and wanted.fits(task, now)
        ]
        return answers.list_body(caller.request_id, found, now, wanted.page_no, wanted.page_size)

    def models(self, caller: Caller, query: dict[str, str]) -> dict[str, Any]:
        """What the account may call in its region, of all kinds, a page of it (SDK)."""
        sold = [model.id for model in MODELS.values() if caller.account.region in model.regions]
        known = [*OTHER_MODELS, *(name for name in sold if name not in self.config.gone_models)]
        return answers.models_body(caller.request_id, sorted({*known, *self.config.new_models}), query)

    def _find(self, caller: Caller, task_id: str) -> Task | None:
        task = self.tasks.get(task_id) or self._dropped.get(task_id)
        return task if task and Account(task.account, task.region) == caller.account else None

    def _about_tasks(self, caller: Caller) -> None:
        if caller.account.region in WITHOUT_TASKS:
            raise ServiceFault("NotFound")
        self._limit(caller.account.id, QUERIES)

    def _limit(self, key: object, rate: Rate) -> None:
        if not self.config.rate_limits:
            return
        now, seen = self.clock.now(), self._seen[key]
        while seen and seen[0] <= now - rate.period:
            seen.popleft()
        if len(seen) >= rate.count:
            raise ServiceFault("Throttling.RateQuota")
        seen.append(now)

    def _read(self, model: Model, endpoint: str, body: dict[str, Any]) -> Order:
        order = rules.read_order(model, endpoint, body, self.config.rules)
        rules.inspect(order, self.config.moderation_words)
        return order

    def _submit(self, caller: Caller, model: Model, endpoint: str, body: dict[str, Any], fault: Fault | None) -> Task:
        now, pace = self.clock.now(), self.config.pace(model)
        held = fault["state"] if fault and fault.kind.effect == "hold" else None
        outcome: Pictures | Failure
        count = model.n
        try:
            order = self._read(model, endpoint, body)
            count = order.n
            outcome = self._produce(caller, order, fault, now + pace.pending + pace.running)
        except ServiceFault as refused:
            if self.config.checks == "early":
                raise
            outcome = Failure(refused.code, refused.message)
        task = Task(
            id=str(uuid.uuid4()),
            request_id=caller.request_id,
            account=caller.account.id,
            region=caller.account.region,
            model=model.id,
            endpoint=endpoint,
            count=count,
            submitted=now,
            pace=pace,
            outcome=outcome,
            held=held,
        )
        with self._lock:
            self.tasks[task.id] = task
            self._queue(task)
        if isinstance(outcome, Pictures) and not held:
            self._charge(caller, model, outcome, task)
        return task

    def _queue(self, task: Task) -> None:
        at_once = MODELS[task.model].concurrent
        if self.config.rate_limits and at_once:
            key = (task.account, task.region, task.model)
            queue_up((t for t in self.tasks.values() if (t.account, t.region, t.model) == key), at_once)

    def _produce(self, caller: Caller, order: Order, fault: Fault | None, ready: float) -> Pictures | Failure:
        """Orders the drawings, as a fault has it. `ready` is when the links begin to live."""
        if fault and fault.kind.effect == "fail":
            known = ServiceFault(fault["code"], fault["message"])
            return Failure(known.code, known.message)
        alter = fault.parameters if fault and fault.kind.effect == "alter" else {}
        wanted = scenes(order.prompt, order.n) if order.is_set else order.n
        count = 0 if alter.get("none") or "instead" in alter else wanted + alter.get("extra", 0)
        seed = random.randint(0, SEED_MAX) if order.seed is None else order.seed
        watermark = "" if not order.watermark else "Qwen-Image" if "qwen" in order.model.id else "AI生成"
        drawing = Drawing(order.model.id, order.prompt, seed, order.width, order.height, watermark)
        paths: list[str | None] = []
        for number in range(count):
            if number >= count - alter.get("failed", 0):
                paths.append(None)
                continue
            one = replace(drawing, seed=(seed + number) % (SEED_MAX + 1))
            if number == alter.get("index"):
                width, height = (int(side) for side in str(alter["size"]).split("*"))
                one = replace(one, width=width, height=height)
            paths.append(self.pictures.add(one, caller.account.region, int(ready) + LIFETIME))
        if paths and not any(paths):
            return Failure("DataInspectionFailed", answers.REFUSED_PICTURE)
        rewritten = f"{order.prompt}, soft daylight, fine detail, a calm composition" if order.prompt_extend else None
        size = f"{order.width}*{order.height}"
        return Pictures(tuple(paths), size, order.prompt, rewritten, alter.get("instead"), alter.get("usage"))

    def _charge(self, caller: Caller, model: Model, pictures: Pictures, task: Task | None) -> None:
        """Per picture that was made; failed ones are free (API documentation)."""
        paths = tuple(path.partition("?")[0] for path in pictures.paths if path)
        if paths:
            account, task_id = caller.account, task.id if task else None
            charge = Billed(
                caller.request_id, task_id, account.id, model.id, account.region, len(paths), pictures.size, paths
            )
            with self._lock:
                self._charges.append((charge, task))
