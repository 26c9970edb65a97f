"""`nosc.Optimizer` over NumPy arrays and whatever else speaks DLPack, in place."""

import copy
import json
import pickle
import threading
import time
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="NumPy is not installed: nothing of nosc.Optimizer is tested")

import nosc

EVERYTHING = "drop(m, 0.3) * ld + 0.01 * eps * g"
TOTAL = 40


def normal(*shape, seed=0, dtype="f4"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def run(optimizer, arrays, steps, first=0, **options):
    for step in range(first, first + steps):
        grads = [normal(*w.shape, seed=100 * step + place).astype(w.dtype) for place, w in enumerate(arrays)]
        optimizer.step(arrays, grads, 0.1, **options)
    return arrays


def once(w, g, rule="g", lr=0.5, **options):
    made = {key: options.pop(key) for key in ("non_finite", "threads", "seed", "rounding") if key in options}
    return nosc.Optimizer(rule, [w], **made).step([w], [g], lr, **options)


@pytest.mark.parametrize("grad", ["f4", "f8", "f2"])
@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "c8", "c16"])
def test_types_of_elements(kind, grad):
    w = np.ones((2, 3), kind)
    place = w.__array_interface__["data"]
    g = np.full((2, 3), 0.5, grad if kind[0] == "f" else kind)
    assert once(w, g) is True
    assert (w == 0.75).all() and w.__array_interface__["data"] == place


def test_a_complex_number_is_a_pair():
    w, g = np.array([1 + 1j], "c8"), np.array([2 - 3j], "c8")
    once(w, g, "sign(g)")
    assert w[0] == 0.5 + 1.5j


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (2, 3, 4), (0,)])
def test_shapes(shape):
    w = np.ones(shape, "f4")
    once(w, np.ones(shape, "f4"))
    assert w.shape == shape and (w == 0.5).all()


def test_the_order_of_elements_is_that_of_memory():
    plain, fortran = normal(3, 4), np.asfortranarray(normal(3, 4))
    g = normal(3, 4, seed=1)
    once(plain, g, "m / (sqrt(v) + delta)")
    once(fortran, np.asfortranarray(g), "m / (sqrt(v) + delta)")
    assert (plain == fortran).all() and fortran.flags.f_contiguous
    with pytest.raises(nosc.StepError, match="another order in memory"):
        once(fortran, g)


def read_only():
    w = np.ones(4, "f4")
    w.flags.writeable = False
    return w


REFUSED = {
    "integers": (lambda: np.ones(4, "i4"), nosc.StepError, "of int32, expected float32"),
    "truth": (lambda: np.ones(4, "?"), nosc.StepError, "of bool, expected float32"),
    "another byte order": (lambda: np.ones(4, ">f4"), BufferError, "native byte order"),
    "read-only": (read_only, BufferError, "read-only: a step writes to it in place"),
    "broadcast": (lambda: np.broadcast_to(np.float32(1), (4,)), BufferError, "read-only"),
    "with gaps": (lambda: np.ones(8, "f4")[::2], nosc.StepError, "do not fill a block|another order"),
    "backwards": (lambda: np.ones(4, "f4")[::-1], nosc.StepError, "do not fill a block|another order"),
    "unaligned": (lambda: np.frombuffer(bytearray(17), "u1")[1:].view("f4"), nosc.StepError, "not aligned"),
    "a list": (lambda: [1.0, 2.0, 3.0, 4.0], TypeError, "speaks DLPack, such as a NumPy array or a torch tensor"),
    "nothing": (lambda: None, TypeError, "speaks DLPack"),
    "another length": (lambda: np.ones(5, "f4"), nosc.StepError, "5 elements, expected 4|shape"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what):
    make, error, message = REFUSED[what]
    w = make()
    optimizer = nosc.Optimizer("m", [4])
    with pytest.raises(error, match=message):
        optimizer.step([w], [np.ones(np.shape(w) if what == "another length" else 4, "f4")], 0.5)
    assert optimizer.steps == 0 and list(optimizer.state("m", 0)) == [0.0] * 4


def test_a_gradient_may_be_read_only():
    w = np.ones(4, "f4")
    once(w, read_only())
    assert (w == 0.5).all()


def test_memory_that_is_shared_is_refused():
    base = np.ones(6, "f4")
    optimizer = nosc.Optimizer("g", [4, 4])
    for arrays, grads in (
        ([base[:4], base[2:]], [np.ones(4, "f4")] * 2),
        ([base[:4], np.ones(4, "f4")], [base[2:], np.ones(4, "f4")]),
        ([base[:4], base[:4]], [np.ones(4, "f4")] * 2),
    ):
        with pytest.raises(nosc.StepError, match="share memory"):
            optimizer.step(arrays, grads, 0.5)
    assert (base == 1).all()
    shared = np.ones(4, "f4")
    optimizer.step([np.ones(4, "f4"), np.ones(4, "f4")], [shared, shared], 0.5)


def test_parts_of_one_array_are_arrays_of_their_own():
    base = np.ones(8, "f4")
    nosc.Optimizer("g", [4, 4]).step([base[:4], base[4:]], [np.ones(4, "f4"), np.full(4, 2, "f4")], 0.5)
    assert base.tolist() == [0.5] * 4 + [0.0] * 4


def test_lists_have_to_be_lists_of_one_length():
    w = np.ones(4, "f4")
    optimizer = nosc.Optimizer("g", [4])
    with pytest.raises(TypeError, match="expected a list of arrays, found one array"):
        optimizer.step(w, [w], 0.5)
    with pytest.raises(nosc.StepError, match="gradients: 0 tensors, expected 1"):
        optimizer.step([w], [], 0.5)
    with pytest.raises(nosc.StepError, match="expected 1"):
        optimizer.step([w, np.ones(4, "f4")], [np.ones(4, "f4")] * 2, 0.5)


def test_arrays_of_jax_are_never_written_to():
    jax = pytest.importorskip("jax", reason="jax is not installed: that its arrays are refused is not tested")
    x = jax.numpy.ones(4)
    with pytest.raises(BufferError, match="writes in place. Copy it to a NumPy array|read-only"):
        once(x, np.ones(4, "f4"))
    assert x.tolist() == [1.0] * 4
    w = np.ones(4, "f4")
    once(w, x)
    assert (w == 0.5).all()


def test_tensors_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its tensors are not tested here")
    if not hasattr(torch, "nn"):
        pytest.skip("PyTorch is not installed: its tensors are not tested here")
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        w = torch.nn.Parameter(torch.ones(4, dtype=dtype))
        once(w, torch.ones(4))
        assert w.tolist() == [0.5] * 4
    w = np.ones(4, "f4")
    once(w, torch.ones(4))
    assert (w == 0.5).all()
    for spoilt in (torch.ones(4, device="meta"), torch.ones(4).to_sparse(), torch._neg_view(torch.ones(4))):
        with pytest.raises((BufferError, nosc.StepError)) as caught:
            once(w, spoilt)
        assert "\n" not in str(caught.value)
    with pytest.raises(BufferError, match="resolve_conj"):
        once(np.ones(3, "c8"), torch.full((3,), 1 + 2j).conj())
    assert (w == 0.5).all()


class Legacy:
    """An array of a library that speaks DLPack of before version 1 and says nothing of writing."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_who_does_not_say_whether_writing_is_allowed_is_only_read():
    w = np.ones(4, "f4")
    once(w, Legacy(np.ones(4, "f4")))
    assert (w == 0.5).all()
    with pytest.raises(BufferError, match="whether Legacy may be written to is not known"):
        once(Legacy(w), np.ones(4, "f4"))


def test_a_run_is_taken_up_bit_for_bit(tmp_path):
    def make():
        return nosc.Optimizer(EVERYTHING, [15, 4], total_steps=TOTAL, seed=5)

    def start():
        return [normal(5, 3), normal(4, seed=1, dtype="f2")]

    wanted = run(make(), start(), 9)
    first, arrays = make(), start()
    run(first, arrays, 4)
    first.save(tmp_path / "run.safetensors")
    second = nosc.Optimizer(EVERYTHING, [15, 4], total_steps=TOTAL)
    second.load(tmp_path / "run.safetensors")
    assert second.steps == 4
    run(second, arrays, 5, 4)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays, wanted, strict=True))
    for other in (nosc.Optimizer("g", [15, 4]), nosc.Optimizer(EVERYTHING, [15, 5], total_steps=TOTAL)):
        with pytest.raises(nosc.CheckpointError):
            other.load(tmp_path / "run.safetensors")
        assert other.steps == 0
    with pytest.raises(nosc.CheckpointError, match="could not read"):
        second.load(tmp_path / "none.safetensors")
    (tmp_path / "broken").write_bytes(b"\xff" * 100)
    with pytest.raises(nosc.CheckpointError):
        second.load(tmp_path / "broken")


def test_it_is_not_pickled_or_copied():
    optimizer = nosc.Optimizer("g", [4])
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="use save and load"):
            copying(optimizer)


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_the_number_of_threads_changes_no_bit(threads):
    arrays = run(nosc.Optimizer(EVERYTHING, [300_000, 7], total_steps=TOTAL, threads=threads), [normal(300_000), normal(7)], 3)
    wanted = run(nosc.Optimizer(EVERYTHING, [300_000, 7], total_steps=TOTAL, threads=3), [normal(300_000), normal(7)], 3)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays, wanted, strict=True))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_gradients_that_are_not_finite(value):
    g = np.array([1, value, 1, 1], "f4")
    w = np.ones(4, "f4")
    assert once(w, g, non_finite="propagate") is True and w[0] == 0.5 and not np.isfinite(w[1])
    w = np.ones(4, "f4")
    skipping = nosc.Optimizer("m", [w], non_finite="skip")
    assert skipping.step([w], [g], 0.5) is False and (w == 1).all()
    assert (skipping.steps, skipping.skipped) == (0, 1) and list(skipping.state("m", 0)) == [0.0] * 4
    with pytest.raises(nosc.StepError, match="tensor 0, element 1 is"):
        once(w, g, non_finite="error")
    assert (w == 1).all()


def test_options_of_a_step():
    g = np.array([3, 4], "f4")
    for options, wanted in (
        ({}, [-0.5, -1.0]),
        ({"loss_scale": 2.0}, [0.25, 0.0]),
        ({"clip_norm": 1.0}, [0.7, 0.6]),
        ({"clip_norm": 10.0}, [-0.5, -1.0]),
        ({"clip_value": 2.0}, [0.0, 0.0]),
        ({"maximize": True}, [2.5, 3.0]),
        ({"weight_decay": 0.2}, [-0.6, -1.1]),
        ({"weight_decay": 0.2, "decoupled_weight_decay": True}, [-0.6, -1.1]),
    ):
        w = np.ones(2, "f4")
        once(w, g, **options)
        assert w == pytest.approx(wanted, abs=1e-6), options
    w = np.ones(2, "f4")
    optimizer = nosc.Optimizer("g", [2])
    assert optimizer.gradient_norm is None
    optimizer.step([w], [g], 0.5, clip_norm=1.0)
    assert optimizer.gradient_norm == pytest.approx(5.0)
    assert optimizer.step([w], [g], 0.5, found_inf=True) is False and optimizer.skipped == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss_scale": 0.0}, "loss_scale is 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1"),
        ({"clip_value": float("nan")}, "clip_value is NaN"),
        ({"weight_decay": float("inf")}, "weight"),
        ({"lr": float("nan")}, "learning rate is NaN"),
        ({"lr": -1.0}, "learning rate is -1"),
    ],
)
def test_options_of_a_step_that_are_refused(options, message):
    w = np.ones(2, "f4")
    with pytest.raises(nosc.StepError, match=message):
        once(w, np.ones(2, "f4"), **options)
    assert (w == 1).all()


def test_making_one():
    assert nosc.Optimizer(nosc.compile("g"), [4]).steps == 0
    with pytest.raises(nosc.ParameterError, match="no parameter `speed`"):
        nosc.Optimizer("g", [4], speed=1.0)
    with pytest.raises(nosc.RuleError):
        nosc.Optimizer("sgn(g)", [4])
    with pytest.raises(nosc.OptimizerError, match="no memory for"):
        nosc.Optimizer("m", [2**62])
    for threads in (0, 1025):
        with pytest.raises(ValueError, match=f"{threads} threads: expected 1 to 1024"):
            nosc.Optimizer("g", [4], threads=threads)
    with pytest.raises(nosc.MissingTotalSteps):
        once(np.ones(2, "f4"), np.ones(2, "f4"), "ld * g")
    with pytest.raises(nosc.ParameterError, match="no state `speed`, the rule has: m"):
        nosc.Optimizer("m", [4]).state("speed", 0)
    with pytest.raises(IndexError, match="no array 1"):
        nosc.Optimizer("m", [4]).state("m", 1)


def test_parameters_are_set_between_steps():
    w, g = np.ones(1, "f4"), np.ones(1, "f4")
    optimizer = nosc.Optimizer("{ param slope = 2; update = slope * g }", [w], slope=3.0)
    optimizer.step([w], [g], 0.1)
    optimizer.set("slope", 5.0)
    optimizer.step([w], [g], 0.1)
    assert w[0] == pytest.approx(1 - 0.3 - 0.5)
    with pytest.raises(nosc.ParameterError):
        optimizer.set("slope", float("nan"))


def test_python_goes_on_during_a_step():
    size = 8_000_000
    w, g = np.ones(size, "f4"), np.ones(size, "f4")
    rule = " + ".join(f"tanh({i}.5 * g) * exp(-{i} * g)" for i in range(1, 9))
    optimizer = nosc.Optimizer(rule, [w], threads=1)
    started, took = threading.Event(), []

    def work():
        started.set()
        begin = time.perf_counter()
        optimizer.step([w], [g], 0.1)
        took.append((begin, time.perf_counter()))

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    seen = []
    while thread.is_alive():
        seen.append(time.perf_counter())
    thread.join()
    [(begin, end)] = took
    # Were the lock held, nothing would be seen between the first and the last tenth of the step.
    inside = [at for at in seen if begin + 0.1 * (end - begin) < at < end - 0.1 * (end - begin)]
    assert inside, f"a step of {end - begin:.3f} s kept Python's lock"


GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "torch.json"


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("place", range(14))
def test_recorded_trajectories_of_torch(place, kind):
    if not GOLDEN.exists():
        pytest.skip("tests/golden is not beside the package: its values are not compared")
    cases = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 14
    case = cases[place]
    rule, settings = nosc.rule(case["name"]), dict(case["settings"])
    for key, names in {
        "betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max"),
    }.items():  # fmt: skip
        settings.update(zip(names, settings.pop(key, ()), strict=False))
    lr = settings.pop("lr")
    known = {name: float(value) for name, value in settings.items() if name in rule.parameters}
    assert all(not value or case["name"] != "sgd" for name, value in settings.items() if name not in known)
    w = np.array(case["w0"], kind)
    optimizer = nosc.Optimizer(rule, [w], **known)
    for grad, wanted in zip(case["grads"], case["w"], strict=True):
        optimizer.step([w], [np.array(grad, "f4")], lr)
        np.testing.assert_allclose(w, wanted, rtol=case["rtol"], atol=case["atol"])
