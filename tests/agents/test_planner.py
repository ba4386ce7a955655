"""The planner plug: both wire forms over loopback, bad replies, age, budget, replay."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleetloop.agents.planner.budget import Budget
from fleetloop.agents.planner.config import PlannerConfig
from fleetloop.agents.planner.explain import Note, answer
from fleetloop.agents.planner.host import HostError, OpenAIHost, Question, host_of_environment
from fleetloop.agents.planner.plan import (
    SAFE_STOP,
    Limits,
    Plan,
    PlanError,
    nearest_by_sector,
    parse_plan,
    plan_schema,
)
from fleetloop.agents.planner.replay import ReplayHost
from fleetloop.agents.planner.situation import Situation
from fleetloop.agents.planner.slow import SlowPlanner, Timing
from fleetloop.core.errors import ConfigError, StateError, StorageError

LIMITS = Limits(skills=("drive", "wait"), targets=("harbour",), reach_m=40.0, top_speed_m_s=12.0)
GOOD = {
    "skill": "drive", "target": "harbour", "waypoints": [[5.0, 0.0], [10.0, 1.5]],
    "speed_cap": 8.0, "stop": False, "reason": "The road is clear.",
}  # fmt: skip


class Loopback:
    """A host on this machine that does as `behaviour` says, an entry a call, the last forever."""

    def __init__(self):
        self.behaviour = ["good"]
        self.calls = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.calls.append((self.path, body, self.headers.get("authorization")))
                number = min(len(outer.calls), len(outer.behaviour)) - 1
                outer.reply(self, outer.behaviour[number])

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reply(self, handler, what):
        if what == "429":
            return self.send(handler, {"error": {"message": "slow down"}}, 429)
        if what == "500":
            return self.send(handler, {"error": {"message": "broken"}}, 500)
        if what == "401":
            return self.send(handler, {"error": {"message": "no such key"}}, 401)
        if what == "late":
            time.sleep(1.5)
        if what == "cut":
            handler.send_response(200)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", "100000")
            handler.end_headers()
            handler.wfile.write(b'{"id": "x", "out')
            handler.close_connection = True
            return None
        if what == "rubbish":
            return self.send(handler, {"hello": "world"})
        text = "Sure! Here is the plan: {" if what == "bad json" else json.dumps(GOOD)
        return self.send(handler, self.form(handler.path, text))

    @staticmethod
    def form(path, text):
        if path.endswith("/responses"):
            part = {"type": "output_text", "text": text, "annotations": []}
            message = {"id": "m", "type": "message", "role": "assistant", "status": "completed",
                       "content": [part]}  # fmt: skip
            usage = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100,
                     "input_tokens_details": {"cached_tokens": 0},
                     "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
            return {"id": "r", "object": "response", "created_at": 0, "model": "m",
                    "output": [message], "status": "completed", "usage": usage,
                    "parallel_tool_calls": False,
                    "tool_choice": "auto", "tools": []}  # fmt: skip
        choice = {"index": 0, "finish_reason": "stop",
                  "message": {"role": "assistant", "content": text}}  # fmt: skip
        usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
        return {"id": "c", "object": "chat.completion", "created": 0, "model": "m",
                "choices": [choice], "usage": usage}  # fmt: skip

    @staticmethod
    def send(handler, content, status=200):
        raw = json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(raw)))
        handler.send_header("retry-after-ms", "1")
        handler.end_headers()
        with contextlib.suppress(OSError):  # the client may have gone: it was made to
            handler.wfile.write(raw)


@pytest.fixture
def loopback():
    server = Loopback()
    yield server
    server.server.shutdown()
    server.server.server_close()


def config_of(server, **changes):
    options = {"model": "m", "base_url": server.url, "timeout_s": 5.0, **changes}
    return PlannerConfig(**options)


@pytest.fixture
def host(loopback):
    made = []

    def make(**changes):
        config = config_of(loopback, **changes)
        made.append(OpenAIHost(config, Budget(config)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def situation(t_s=0.0, request="take me to the harbour"):
    return Situation(
        t_ns=round(t_s * 1e9), request=request, body="car", pictures={"front": b"\xff\xd8jpeg"},
        ranges=nearest_by_sector([(5.0, 0.0)], ["car"]), pose=(1.0, 2.0, 0.1), speed_m_s=3.0,
        limits=LIMITS,
    )  # fmt: skip


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_both_wire_forms_carry_words_pictures_and_the_schema(loopback, host, monkeypatch, wire):
    monkeypatch.setenv("FLEETLOOP_PLANNER_KEY", "secret")
    plan = parse_plan(host(wire=wire).ask(situation().question()), LIMITS)
    assert plan == Plan(
        skill="drive", target="harbour", waypoints_m=((5.0, 0.0), (10.0, 1.5)),
        speed_cap_m_s=8.0, reason="The road is clear.",
    )  # fmt: skip
    path, body, key = loopback.calls[0]
    sent = json.dumps(body)
    assert path.endswith("/responses" if wire == "responses" else "/chat/completions")
    assert key == "Bearer secret"
    for part in ("take me to the harbour", "data:image/jpeg;base64,", "additionalProperties"):
        assert part in sent


def test_busy_hosts_are_asked_again_and_the_budget_counts(loopback, host):
    loopback.behaviour = ["429", "500", "good"]
    config = config_of(loopback, price_in=2.0, price_out=10.0)
    budget = Budget(config)
    with_budget = OpenAIHost(config, budget)
    parse_plan(with_budget.ask(situation().question()), LIMITS)
    with_budget.close()
    assert len(loopback.calls) == 3
    assert budget.tokens == 100
    assert budget.cost == pytest.approx(1e-6 * (90 * 2 + 10 * 10))


@pytest.mark.parametrize("what", ["429", "500", "401", "late", "cut", "rubbish", "bad json"])
@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_whatever_comes_back_the_robot_stops_safely(loopback, host, what, wire):
    loopback.behaviour = [what]
    timeout_s = 0.3 if what == "late" else 5.0
    with SlowPlanner(host(wire=wire, tries=2, timeout_s=timeout_s)) as planner:
        planner.offer(situation())
        assert planner.plan_at(round(1.5e9)) == SAFE_STOP
        (exchange,) = planner.exchanges
    assert exchange.plan is None
    assert len(exchange.problem) > 20


def test_a_budget_that_is_used_up_asks_no_more(loopback, host):
    spent = host(max_tokens=150)
    spent.ask(situation().question())
    spent.ask(situation().question())
    with pytest.raises(StateError, match="200 of 150 tokens"):
        spent.ask(situation().question())
    assert len(loopback.calls) == 2


class Canned:
    """A host with replies of its own."""

    model = "canned"

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = 0

    def ask(self, question):
        self.asked += 1
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def test_a_plan_counts_after_its_delay_and_until_its_age():
    second = {**GOOD, "speed_cap": 4.0}
    canned = Canned(json.dumps(GOOD), json.dumps(second), HostError("gone"))
    timing = Timing(period_s=2.0, delay_s=1.0, max_age_s=3.0)
    caps = {}
    with SlowPlanner(canned, timing) as planner:
        for tick in range(100):
            t_s = tick * 0.1
            if planner.is_due(round(t_s * 1e9)) and tick < 60:
                planner.offer(situation(t_s))
            caps[tick] = planner.plan_at(round(t_s * 1e9))
    assert canned.asked == 3
    assert caps[9] == SAFE_STOP
    assert {caps[tick].speed_cap_m_s for tick in range(10, 30)} == {8.0}
    assert {caps[tick].speed_cap_m_s for tick in range(30, 51)} == {4.0}
    assert all(caps[tick] == SAFE_STOP for tick in range(51, 100))


def test_live_planning_never_waits_for_the_host():
    released = threading.Event()

    class Slow:
        model = "slow"

        def ask(self, question):
            assert released.wait(60.0), "the fast loop waited"
            return json.dumps(GOOD)

    with SlowPlanner(Slow(), Timing(max_age_s=1e6), mode="live") as planner:
        planner.offer(situation())
        assert all(planner.plan_at(t * 10**8) == SAFE_STOP for t in range(100))
        assert not planner.is_due(10**12)
        released.set()
        while planner.plan_at(10**9) == SAFE_STOP:
            time.sleep(0.001)
        assert planner.plan_at(10**9).skill == "drive"
    with pytest.raises(StateError, match="closed"):
        planner.offer(situation())


def test_exchanges_are_kept_and_replayed_without_the_host(loopback, host, tmp_path):
    kept = ReplayHost(tmp_path, host())
    first = kept.ask(situation().question())
    assert kept.ask(situation().question()) == first
    assert len(loopback.calls) == 1
    alone = ReplayHost(tmp_path, model="m")
    assert alone.ask(situation().question()) == first
    with pytest.raises(HostError, match="no reply to this question"):
        alone.ask(situation(request="take me home").question())
    next(tmp_path.glob("*.json")).write_text('{"reply": 3}')
    with pytest.raises(StorageError, match="delete it"):
        alone.ask(situation().question())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"skill": "fly"}, "was not offered"),
        ({"target": "moon"}, "was not offered"),
        ({"stop": "no"}, "true or false"),
        ({"speed_cap": None}, "no finite number"),
        ({"speed_cap": float("nan")}, "no finite number"),
        ({"speed_cap": True}, "no finite number"),
        ({"waypoints": [[1.0]]}, "no pair"),
        ({"waypoints": [[1.0, "x"]]}, "no finite number"),
        ({"waypoints": [[0.0, 0.0]] * 6}, "up to 5"),
        ({"waypoints": "ahead"}, "up to 5"),
        ({"reason": 3}, "must be a text"),
        ({"waypoints": [[1.0, 9.0]]}, "may not be"),
    ],
)
def test_replies_that_break_the_schema_are_refused(change, words):
    limits = Limits(skills=("drive",), targets=("harbour",), is_drivable=lambda x, y: abs(y) < 3.0)
    with pytest.raises(PlanError, match=words):
        parse_plan(json.dumps(GOOD | change), limits)


@pytest.mark.parametrize("reply", ["", "no", "[]", "{", "[" * 100_000, "x" * 30_000])
def test_replies_that_are_no_plan_are_refused(reply):
    with pytest.raises(PlanError):
        parse_plan(reply, LIMITS)


def test_numbers_too_large_are_clamped():
    wild = GOOD | {"speed_cap": 99.0, "waypoints": [[300.0, 400.0]], "reason": "x" * 500}
    plan = parse_plan(json.dumps(wild), LIMITS)
    assert plan.speed_cap_m_s == 12.0
    assert plan.waypoints_m[0] == pytest.approx((24.0, 32.0))
    assert len(plan.reason) == 120
    assert parse_plan(json.dumps(GOOD | {"speed_cap": -3.0}), LIMITS).speed_cap_m_s == 0.0
    assert parse_plan(json.dumps(GOOD | {"skill": "stop"}), LIMITS).stop


def test_the_schema_is_strict_and_offers_what_there_is():
    schema = plan_schema(LIMITS)
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    assert schema["properties"]["skill"]["enum"] == ["drive", "wait", "stop"]


def test_the_nearest_thing_in_each_direction():
    points = [(5.0, 0.1), (3.0, -0.1), (0.0, 2.0), (-4.0, 0.01), (-1.0, -0.01)]
    found = nearest_by_sector(points, ["car", "person", "wall", "tree", "lamp"])
    assert found == [
        {"bearing_deg": 0, "range_m": 3.0, "class": "person"},
        {"bearing_deg": 90, "range_m": 2.0, "class": "wall"},
        {"bearing_deg": 180, "range_m": 1.0, "class": "lamp"},
    ]


def test_the_environment_names_the_planner():
    assert PlannerConfig.from_environment({}) is None
    named = {
        "FLEETLOOP_PLANNER_MODEL": "m", "FLEETLOOP_PLANNER_BASE_URL": "http://127.0.0.1:1/v1",
        "FLEETLOOP_PLANNER_WIRE": "chat", "FLEETLOOP_PLANNER_MAX_TOKENS": "500",
    }  # fmt: skip
    config = PlannerConfig.from_environment(named)
    assert config is not None
    assert (config.wire, config.max_tokens) == ("chat", 500)
    for name, value, words in (
        ("WIRE", "telepathy", "responses, chat"),
        ("BASE_URL", "", "BASE_URL"),
        ("TIMEOUT_S", "soon", "write a number"),
        ("MAX_TOKENS", "0", "at least 1"),
        ("MAX_COST", "1", "needs prices"),
    ):
        with pytest.raises(ConfigError, match=words):
            PlannerConfig.from_environment(named | {f"FLEETLOOP_PLANNER_{name}": value})


def test_no_planner_named_says_what_to_set(monkeypatch):
    monkeypatch.delenv("FLEETLOOP_PLANNER_MODEL", raising=False)
    with pytest.raises(ConfigError, match="FLEETLOOP_PLANNER_MODEL"):
        host_of_environment()


@pytest.mark.parametrize(
    ("timing", "words"), [({"period_s": 0.0}, "period"), ({"max_age_s": 1.0}, "age above")]
)
def test_timings_that_do_not_fit(timing, words):
    with pytest.raises(ConfigError, match=words):
        Timing(**timing)


NOTES = (
    Note(t_s=1.0, speed_m_s=9.0, goal="the harbour", distance_to_go_m=200.0),
    Note(t_s=1.1, speed_m_s=8.6, acceleration_m_s2=-4.0, seen={"person": 0.8, "road": 0.9},
         nearest_m=11.0, risks={"collide": 0.6}, goal="the harbour", distance_to_go_m=199.0),
    Note(t_s=1.2, speed_m_s=8.0, seen={"person": 0.7, "tree": 0.05}, nearest_m=10.0,
         goal="the harbour", distance_to_go_m=198.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Why did you brake?", ("1.1 s", "11 m ahead", "60 % likely", "collide")),
        ("what do you see?", ("person (70 %)", "10 m away")),
        ("How fast are you going?", ("8.0 m/s", "29 km/h")),
        ("where are we heading", ("the harbour", "198 m to go")),
        ("what is love", ("Without a language model",)),
    ],
)
def test_questions_are_answered_from_the_brain_s_own_notes(question, parts):
    said = answer(question, NOTES)
    for part in parts:
        assert part in said
    assert "tree" not in said


def test_questions_go_to_a_model_with_the_notes():
    class Echo:
        model = "echo"

        def ask(self, question: Question):
            return question.text

    said = answer("Why did you brake?", NOTES, Echo())
    assert "acceleration -4.0" in said
    assert said.endswith("Question: Why did you brake?")
    assert answer("Why?", ()) == "I have done nothing yet."
    assert answer("Why did you stop?", NOTES[:1]) == "I have not braked lately."
