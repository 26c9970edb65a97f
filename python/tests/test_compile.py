"""Compiling: back ends, the cache, threads."""

import pickle
import threading
import time

import pytest

import nosc
from test_rules import GOLDEN, POWERSIGN


def test_a_rule_is_compiled():
    compiled = nosc.compile(POWERSIGN)
    assert compiled.rule == nosc.Rule(POWERSIGN)
    assert compiled.key == compiled.rule.key("exact")
    assert [slot.name for slot in compiled.slots] == ["m"] and compiled.slots == compiled.rule.states
    assert compiled.backend in ("wide", "cranelift", "interpreter")
    assert (compiled.fallback is None) == (compiled.backend != "interpreter")
    plan = nosc.compile(nosc.Rule(POWERSIGN, name="expression")).plan()
    assert plan == GOLDEN["plan"]
    assert repr(compiled) == f"<CompiledRule {compiled.rule!r}, {compiled.backend}>"


def test_back_ends_have_one_plan():
    plans = {nosc.compile(POWERSIGN, backend=name).plan() for name in ("auto", "cranelift", "interpreter")}
    assert len(plans) == 1
    assert nosc.compile(POWERSIGN, backend="interpreter").backend == "interpreter"
    assert nosc.compile(POWERSIGN, backend="interpreter").fallback is None


def test_what_a_back_end_does_not_take_is_an_error():
    # Some 15,000 nodes: more than the wide back end takes.
    text = " + ".join(f"tanh(g*{i}.5)" for i in range(4_000))
    with pytest.raises(nosc.CompileError) as caught:
        nosc.compile(text, backend="wide")
    assert not isinstance(caught.value, ValueError) and str(caught.value)


def test_compiling_again_is_a_look_up():
    rule = nosc.Rule("log(abs(g) + 1) * sign(g) * exp(ld)")
    nosc.compile(rule)
    start = time.perf_counter()
    for _ in range(100):
        nosc.compile(rule)
    again = (time.perf_counter() - start) / 100
    assert again < 1e-3


def test_rules_of_one_key_keep_their_own_parameters():
    plain = nosc.compile("{ update = g }").rule
    with pytest.warns(nosc.RuleWarning, match="never used"):
        spare = nosc.compile("{ param a = 2; update = g }").rule
    assert plain == spare
    assert plain.parameters == {} and spare.parameters == {"a": 2.0}


def test_compiled_rules_are_pickled():
    for backend in ("auto", "interpreter"):
        compiled = nosc.compile(nosc.rule("adamw"), backend=backend)
        again = pickle.loads(pickle.dumps(compiled))
        assert again.rule == compiled.rule and again.plan() == compiled.plan()
        assert again.backend == compiled.backend


def test_many_threads_compile_at_once():
    texts = [f"exp(sign(g) * sign(m) * {i}) * g" for i in range(40)]
    wanted = [nosc.compile(text, backend="interpreter").plan() for text in texts]
    wrong = []

    def work():
        for text, plan in zip(texts, wanted, strict=True):
            if nosc.compile(text).plan() != plan:
                wrong.append(text)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_python_runs_while_rules_are_worked_on():
    texts = [rule.text for rule in nosc.sample("paper", 4, count=8_000, seed=4)]
    done = threading.Event()
    longest = [0.0]

    def count():
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0)
            now = time.perf_counter()
            longest[0] = max(longest[0], now - last)
            last = now

    thread = threading.Thread(target=count)
    thread.start()
    start = time.perf_counter()
    nosc.dedup(texts)
    whole = time.perf_counter() - start
    done.set()
    thread.join()
    # With the lock held the other thread would have stood still for nearly all of it.
    assert longest[0] < 0.5 * whole, (longest[0], whole)


def test_exports_are_programs_without_nosc():
    compiled = nosc.compile("exp(sign(g) * sign(m)) * g")
    for target in ("torch", "jax"):
        text = compiled.export(target)
        compile(text, target, "exec")
        assert "import nosc" not in text
    assert "#include <math.h>" in compiled.export("c")
    with pytest.raises(ValueError, match='target is "rust"'):
        compiled.export("rust")
