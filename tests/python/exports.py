"""Runs what `nosc compile --target torch` and `--target jax` write beside nosc itself.

    python tests/python/exports.py NOSC_BINARY [--only torch|jax]

Each standard rule and the rules below take 20 steps on tensors of several shapes, and the parameters after each step are
compared with those of `nosc run --backend interpreter`. Rules with random draws are checked by their statistics, since the
draws are other ones. A library that is missing is said loudly, and its part is skipped. Exits with 1 and a line
for each fault.
"""

import argparse
import functools
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print(f"{'*' * 80}\nSKIPPED: NumPy is not installed, so no export in Python is run.\n{'*' * 80}")
    sys.exit(0)

SHAPES = [(), (0,), (7, 3), (64,)]
STEPS = 20
TOTAL_STEPS = 15  # fewer than are taken: decays stay where they are at T
LEARNING_RATE = 0.05

# Largest difference from nosc, as a share of max(1, |w|). Torch computes scalars in float64 and differs in the last
# digits of its functions; JAX computes scalars that depend on the step in float32 and may fuse operations.
TOLERANCE = {"torch": 2e-6, "jax": 5e-6}
# RAdam's scalars subtract numbers near 2000 from each other, in float32 under JAX.
LOOSER = {("jax", "radam"): 2e-4}

# Rules for what the standard ones have not, and for names that are taken.
RULES = {
    "ops": "exp(-abs(g)) + log(abs(w) + 1) - sqrt(abs(g)) * tanh(w) / (1 + sigmoid(m))",
    "powers": "g^2 + g^3 - clip(w, 2)^4 + (1 + abs(w))^-2 + (1 + abs(g))^0.5 + abs(w)^1.5 + g^0 + 2^g + (1 + abs(g))^clip(w, 2)",
    "negative_base": "where(w < 0, 1, 0) + 0.01 * max(-1, min(1, (-2)^(sign(g))))",
    "signs": "sign(g) * sign(m) * sign(w - 0.5) + sign(0 * w)",
    "bounds": "min(g, w) - max(g, 0.1) + clip(g, 0.5) - clip(w, -0.1, 0.3) + clip(g, w, 0.2)",
    "bounds_crossed": "clip(g, 0.3, -0.3) + min(0, g) * max(w, 0)",
    "comparisons": "where(g < w, 1, -1) + where(g <= 0.1, g, w) + where(2 * g > w, g, 0.5) + where(w != 0, 1, 2) "
    "+ where(g == w, 3, 0) + where(g >= 0, 0.25, 0)",
    "once_a_step": "where(t < 7, g, m) + where(ld == 0, 1, 0) + where(t >= T, w, 0)",
    "tokens": "[g m id sign mul, %0 v id sqrt div, %1 1 log clip1e-3 add]",
    "tokens_pow": "[g g2 neg exp mul, %0 2 id id pow, %1 w1e-1 sqrt id sub]",
    "token_left": "[adam ld id id mul, %0 rd_10 id id mul, %1 g id id left]",
    "decays": "g * ld + m * cd + g * cd(3) + g * rd(7) + w * rd(2.5)",
    "schedule": "{ update = m\n schedule = ld * cd(2) + 0.1 }",
    "schedule_state": "{ state s init 1 = 0.9 * s\n update = g * s\n schedule = s + prev(s) }",
    "uniform_ema": "{ let a = ema(ld, 0.8)\n update = g * debias(a) + a * w }",
    "uniform_chain": "{ param q = 0.7\n state a init 2 = q * a + t / T\n state b init lr = max(a, prev(a)) - prev(b)\n update = g * b }",
    "starts": "{ param k = 3\n state s init k * lr + 1 = 0.5 * s + g\n state r init -0.25 = prev(s)\n update = s - r }",
    "start_called": "{ param p = 2\n state s init max(0, p) = 0.9 * prev(s) + g\n update = s * max(0, p) }",
    "number_name": "{ param nan = 0\n update = max(-1, min(1, g * (1 / nan))) }",
    "swapped": "{ state a init 1 = prev(b)\n state b init 2 = prev(a) + 0.1 * g\n update = a * g + b }",
    "copies": "{ state a = g\n state b = w\n state c = prev(b)\n update = a + 0.1 * (b - c) }",
    "delayed": "{ state a = g\n update = prev(a) }",
    "delayed_twice": "{ state b = prev(a)\n state a = g\n update = prev(b)^1 }",
    "previous": "{ state m = 0.5 * m + g\n update = m - 0.3 * prev(m) }",
    "own_decay": "{ param beta = 0.5\n update = debias(ema(g * abs(g), beta^2)) + ema(w, 1 - beta) }",
    "zero_decay": "{ param beta1 = 0\n update = m + ema(g, 0) }",
    "with_lr": "{ update = g / (1 + lr) + where(lr > 0.01, w, 0) }",
    "infinite": "min(1, exp(exp(20 * abs(g)))) * sign(g)",
    "scalar_ieee": "g * min(1, exp(1000 * (t + 1))) + where(log(0 - 1 - t) == 1, 1, 0) + g / (1 + 1 / ((t - t) ^ 2))",
    "scalar_functions": "{ param a = -0.5\n update = g * (tanh(a * t) + sigmoid(t) + abs(a) + sign(a) + sqrt(t) + log(t + 1)"
    " + clip(t, 3) + min(t, 2) - max(a, t) + (t + 1)^0.3) }",
    "only_step": "{ update = ld + 0 * g }",
    "constants": "g * e - w * pi + 1/3 + (0.1 + 0.2)",
    "gammas": "gamma / (abs(m) + 0.1) + rmsprop + adam",
    "lambda": "{ param class = 0.3; param lr_ = 2; param params = 0.1; param torch = 0.2; param step = 0.4\n"
    " param self = 0.5; param add = 0.6; param x1 = 0.7; param __y = 0.8; param jnp = 0.9; param t = 1.5; param T = 2.5\n"
    " update = (class + lr_ + params + torch + step + self + add + x1 + __y + jnp + t + T) * g }",
    "None": "{ param s1 = 0.5; param m_hat = 0.25; param w_before = 0.1; param memory = 0.2; param count = 0.3\n"
    " state s = s1 * s + g; update = s * m_hat + w_before + memory * w + count * m }",
    "_7": "{ param lr = 3; param group = 0.1; param scale = 0.2; update = lr * g + group * w + scale * m }",
    "deep": "{ let a0 = g\n"
    + "".join(f"let a{i} = -tanh({i / 150} * w - a{i - 1} * (1 - ld^{i}.5))\n" for i in range(1, 151))
    + "update = a150 }",
    "step": "0.3 * g + 0.1 * m",
    "jax": "0.2 * g",
    "torch": "0.1 * g",
}


class Faults:
    """Counts checks; keeps what went wrong."""

    def __init__(self):
        self.lines = []
        self.checks = 0
        self.worst = {}

    def check(self, holds, what):
        self.checks += 1
        if not holds:
            self.lines.append(what)
            print("FAULT", what)

    def compare(self, library, rule, found, wanted, what):
        """All within the tolerance; NaN and infinities where they are wanted."""
        found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
        self.check(found.shape == wanted.shape, f"{what}: shape {found.shape}, expected {wanted.shape}")
        if found.shape != wanted.shape or found.size == 0:
            return
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        with np.errstate(invalid="ignore"):
            error = np.where(same, 0, np.abs(found - wanted) / np.maximum(1, np.abs(wanted)))
        error = np.where(np.isnan(error), np.inf, error).max()
        self.worst[library, rule] = max(self.worst.get((library, rule), 0), error)
        limit = LOOSER.get((library, rule), TOLERANCE[library])
        self.check(error <= limit, f"{what}: differs by {error:.3g}, at most {limit:.3g} expected")


class Nosc:
    """The program, and a folder for its files."""

    def __init__(self, binary, folder):
        self.binary = str(pathlib.Path(binary).resolve())
        self.folder = folder
        text = "".join(f"rule {name} {'' if body[0] == '{' else '= '}{body}\n" for name, body in RULES.items())
        (folder / "rules.nos").write_text(text)

    def call(self, *arguments):
        done = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def rules(self):
        """Standard rules and the rules above, with what `nosc explain` knows of them."""
        standard = [line.split()[0] for line in self.call("rules").splitlines()]
        for name in standard + [f"rules.nos:{name}" for name in RULES]:
            yield name, json.loads(self.call("explain", name, "--json"))

    def export(self, rule, target):
        """The module that a rule is written out to."""
        path = self.folder / f"{target}_{rule.replace(':', '_').replace('.', '_')}.py"
        self.call("compile", rule, "--target", target, "-o", path.name)
        return load(path)

    def formula(self, text, target):
        path = self.folder / f"{target}_formula.py"
        self.call("compile", "-e", text, "--target", target, "-o", path.name)
        return load(path)

    def run(self, rule, params, grads, lr, settings=()):
        """Parameters after each step, for each tensor."""
        flat = np.concatenate([p.reshape(-1) for p in params])
        steps = np.stack([np.concatenate([g.reshape(-1) for g in step]) for step in grads])
        np.save(self.folder / "params.npy", flat)
        np.save(self.folder / "grads.npy", steps)
        arguments = ["run", rule, "--params", "params.npy", "--grads", "grads.npy", "--lr", repr(lr)]
        arguments += ["--total-steps", TOTAL_STEPS, "--trace", "-o", "out.npy", "--backend", "interpreter"]
        for name, value in settings:
            arguments += ["--set", f"{name}={value!r}"]
        self.call(*arguments)
        trace = np.load(self.folder / "out.npy")
        ends = np.cumsum([p.size for p in params])[:-1]
        return [[part.reshape(p.shape) for part, p in zip(np.split(row, ends), params)] for row in trace]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs(seed=0, steps=STEPS):
    """Parameters and gradients: of all signs and many sizes, some of them 0."""
    random = np.random.default_rng(seed)
    params = [np.asarray(random.normal(size=shape), np.float32) for shape in SHAPES]

    def gradient(shape):
        values = random.normal(size=shape) * 10.0 ** random.integers(-3, 1, size=shape)
        return np.asarray(np.where(random.random(size=shape) < 0.1, 0, values), np.float32)

    return params, [[gradient(shape) for shape in SHAPES] for _ in range(steps)]


def keywords(about):
    return {"total_steps": TOTAL_STEPS} if about["needs_total_steps"] else {}


# ---------------------------------------------------------------- PyTorch


class TorchRun:
    """An exported class over tensors of numpy arrays."""

    def __init__(self, torch, module, params, lr=LEARNING_RATE, dtype=None, **settings):
        self.torch = torch
        base = torch.optim.Optimizer
        kinds = [x for x in vars(module).values() if isinstance(x, type) and issubclass(x, base)]
        self.kind = next(x for x in kinds if x.__module__ == module.__name__)
        tensors = [torch.tensor(p) for p in params]
        self.params = [torch.nn.Parameter(t if dtype is None else t.to(dtype)) for t in tensors]
        self.optimizer = self.kind(self.params, lr, **settings)

    def step(self, grads):
        for p, g in zip(self.params, grads):
            p.grad = None if g is None else self.torch.tensor(g).to(p.dtype)
        self.optimizer.step()
        return self.values()

    def values(self):
        return [p.detach().double().numpy() for p in self.params]


def compared(library, nosc, faults, named, make, tensors):
    """Whether the steps of an export could be compared with those of nosc: those that draw are a function of the seed."""
    (rule, about), (params, grads, found) = named, tensors
    if about["draws"]:
        again, other = make(), make(seed=1)
        same = all(equal(again.step(step), row) for step, row in zip(grads, found))
        differs = not all([equal(other.step(step), row) for step, row in zip(grads, found)])
        faults.check(same and differs, f"{library} {rule}: not a function of the seed")
        return False
    wanted = nosc.run(rule, params, grads, LEARNING_RATE)
    for step, (row, right) in enumerate(zip(found, wanted)):
        for tensor, (f, r) in enumerate(zip(row, right)):
            faults.compare(library, about["name"], f, r, f"{library} {rule}, step {step}, tensor {tensor}")
    return True


def check_torch(nosc, faults):
    try:
        import torch
    except ImportError:
        return skipped("PyTorch")
    print("torch", torch.__version__)
    torch.manual_seed(0)
    params, grads = inputs()
    for rule, about in nosc.rules():
        module = nosc.export(rule, "torch")
        make = functools.partial(TorchRun, torch, module, params, **keywords(about))
        run = make()
        found = [run.step(step) for step in grads]
        if not compared("torch", nosc, faults, (rule, about), make, (params, grads, found)):
            continue
        names = {state["name"] for state in about["states"] if state["per_element"]}
        kept = {name for state in run.optimizer.state.values() for name in state}
        faults.check(kept == names, f"torch {rule}: states {kept}, expected {names}")
        check_torch_resumes(torch, module, about, params, grads, found, faults, rule)
    check_torch_settings(torch, nosc, faults)
    check_torch_manners(torch, nosc, faults)
    check_torch_draws(torch, nosc, faults)


def check_torch_resumes(torch, module, about, params, grads, found, faults, rule):
    """A state that was saved in the middle, in another optimizer, goes on bit for bit."""
    first = TorchRun(torch, module, params, **keywords(about))
    for step in grads[:9]:
        first.step(step)
    with tempfile.TemporaryFile() as file:
        torch.save(first.optimizer.state_dict(), file)
        file.seek(0)
        saved = torch.load(file)
    second = TorchRun(torch, module, [np.asarray(p, np.float32) for p in first.values()], lr=7.0, **keywords(about))
    second.optimizer.load_state_dict(saved)
    same = all(equal(second.step(step), row) for step, row in zip(grads[9:], found[9:]))
    faults.check(same, f"torch {rule}: a saved state does not go on as before")


def check_torch_settings(torch, nosc, faults):
    """A learning rate and hyper-parameters that change between steps, and groups of their own."""
    params, grads = inputs(1)
    run = TorchRun(torch, nosc.export("adam", "torch"), params)
    found = [run.step(step) for step in grads[:10]]
    run.optimizer.param_groups[0].update(lr=torch.tensor(0.01), beta1=0.5, weight_decay=0.1)
    found += [run.step(step) for step in grads[10:]]
    plain = TorchRun(torch, nosc.export("adam", "torch"), params)
    kept = [plain.step(step) for step in grads]
    faults.check(equal(found[9], kept[9]) and not equal(found[10], kept[10]), "torch: a changed setting has no effect")
    settings = [("beta1", 0.5), ("weight_decay", 0.1), ("eps", 1e-3)]
    run = TorchRun(torch, nosc.export("adam", "torch"), params, lr=0.02, **dict(settings))
    wanted = nosc.run("adam", params, grads, 0.02, settings)
    for step, right in zip(grads, wanted):
        for f, r in zip(run.step(step), right):
            faults.compare("torch", "adam", f, r, "torch adam with settings")
    kind = run.kind
    leaf = [torch.nn.Parameter(torch.tensor(p)) for p in params]
    grouped = kind([{"params": leaf[:2]}, {"params": leaf[2:], "lr": 0.0}], 0.02)
    for p, g in zip(leaf, grads[0]):
        p.grad = torch.tensor(g)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(grouped, 0.5)
    grouped.step()
    scheduler.step()
    faults.check(grouped.param_groups[0]["lr"] == 0.01, "torch: a scheduler does not move lr")
    stayed = all(np.array_equal(p.detach().numpy(), q) for p, q in zip(leaf[2:], params[2:]))
    faults.check(stayed and leaf[0].item() != params[0].item(), "torch: groups have no settings of their own")


def check_torch_manners(torch, nosc, faults):
    """What every optimizer of PyTorch does."""
    params, grads = inputs(2)
    adam = nosc.export("adamw", "torch")
    run = TorchRun(torch, adam, params)
    before = run.values()
    after = run.step([grads[0][0], None, None, grads[0][3]])
    faults.check(equal(after[1:3], before[1:3]) and not equal(after[3:], before[3:]), "torch: a None gradient moves")
    faults.check(len(run.optimizer.state) == 2, "torch: a None gradient makes a state")
    up = TorchRun(torch, adam, params, maximize=True)
    down = TorchRun(torch, adam, params)
    same = equal(up.step([-g for g in grads[0]]), down.step(grads[0]))
    faults.check(same, "torch: maximize is not the step of the negated gradient")

    def closure():
        run.optimizer.zero_grad()
        loss = (run.params[3] ** 2).sum()
        loss.backward()
        return loss

    faults.check(run.optimizer.step(closure).item() > 0, "torch: a closure's loss is not returned")
    run.params[3].grad = torch.zeros(64).to_sparse()
    faults.check(raises(RuntimeError, run.optimizer.step), "torch: a sparse gradient is not refused")
    decay = nosc.export("powersign_ld", "torch")
    faults.check(
        raises(ValueError, lambda: TorchRun(torch, decay, params).step(grads[0])), "torch: no total_steps is not refused"
    )
    faults.check(
        raises(ValueError, lambda: TorchRun(torch, adam, params, beta1=1.5).step(grads[0])),
        "torch: a decay of 1.5 is not refused",
    )
    for dtype, limit in [(torch.bfloat16, 2e-2), (torch.float16, 2e-3), (torch.float64, 1e-6)]:
        narrow, wide = TorchRun(torch, adam, params, dtype=dtype), TorchRun(torch, adam, params)
        narrow.params, wide_rows = narrow.params, [wide.step(step) for step in grads[:5]]
        for step in grads[:5]:
            row = narrow.step(step)
        near = all(np.allclose(a, b, atol=limit, rtol=limit) for a, b in zip(row, wide_rows[-1]))
        faults.check(near, f"torch: parameters of {dtype} go elsewhere")
        kinds = {value.dtype for state in narrow.optimizer.state.values() for value in state.values()}
        faults.check(kinds == {torch.float32}, f"torch: states of {dtype} are {kinds}")
        twin = TorchRun(torch, adam, params, dtype=dtype)
        twin.optimizer.load_state_dict(narrow.optimizer.state_dict())
        pairs = zip(narrow.params, twin.params)
        states = [(narrow.optimizer.state[a], twin.optimizer.state[b]) for a, b in pairs]
        same = all(torch.equal(a[name], b[name]) and b[name].dtype == torch.float32 for a, b in states for name in a)
        faults.check(same, f"torch: states of {dtype} are rounded when they are loaded")
    # The last line is in float64.
    big = TorchRun(torch, nosc.export("sgd", "torch"), [np.full(3, 1e8, np.float64)], lr=1e-3)
    moved = big.step([np.ones(3, np.float64)])[0]
    faults.check((moved < 1e8).all() and (moved > 1e8 - 2e-3).all(), "torch: a large float64 parameter does not move")


def check_torch_draws(torch, nosc, faults):
    def update(text, g=1.0, count=100_000, steps=1, lr=1.0):
        run = TorchRun(torch, nosc.formula(text, "torch"), [np.zeros(count, np.float32)] * 2, lr=lr)
        gradient = np.full(count, g, np.float32)
        rows = [run.values()] + [run.step([gradient, gradient]) for _ in range(steps)]
        return [(a[0] - b[0], a[1] - b[1]) for a, b in zip(rows, rows[1:])]

    check_draws("torch", update, faults)


# ---------------------------------------------------------------- JAX


class JaxRun:
    """An exported transformation over arrays, jitted."""

    def __init__(self, jax, module, params, lr=LEARNING_RATE, **settings):
        import optax

        takes_rate = lambda x: "learning_rate" in getattr(getattr(x, "__code__", None), "co_varnames", ())[:1]
        (maker,) = filter(takes_rate, vars(module).values())
        self.rule = maker(lr, **settings)
        self.params = [jax.numpy.asarray(p) for p in params]
        self.state = self.rule.init(self.params)

        def move(grads, state, params):
            updates, state = self.rule.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        self.move = jax.jit(move)

    def step(self, grads):
        self.params, self.state = self.move(list(grads), self.state, self.params)
        return self.values()

    def values(self):
        return [np.asarray(p) for p in self.params]


def check_jax(nosc, faults):
    try:
        import jax
        import optax
    except ImportError:
        return skipped("JAX or optax")
    print("jax", jax.__version__, "optax", optax.__version__)
    params, grads = inputs()
    for rule, about in nosc.rules():
        module = nosc.export(rule, "jax")
        make = functools.partial(JaxRun, jax, module, params, **keywords(about))
        run = make()
        found = [run.step(step) for step in grads]
        if not compared("jax", nosc, faults, (rule, about), make, (params, grads, found)):
            continue
        names = {state["name"] for state in about["states"]} | {"count"}
        faults.check(set(run.state._fields) == names, f"jax {rule}: states {run.state._fields}, expected {names}")
        faults.check(run.move._cache_size() == 1, f"jax {rule}: compiled {run.move._cache_size()} times")
    check_jax_settings(jax, optax, nosc, faults)
    check_jax_draws(jax, nosc, faults)


def check_jax_settings(jax, optax, nosc, faults):
    """Settings as arrays, schedules and pytrees; nothing is compiled twice."""
    params, grads = inputs(1)
    maker = nosc.export("adam", "jax").adam
    tree = {"a": params[0], "b": [params[1], (params[2], params[3])]}
    rule = optax.inject_hyperparams(maker)(learning_rate=LEARNING_RATE)
    traces = []

    @jax.jit
    def move(grads, state, params):
        traces.append(1)
        updates, state = rule.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    state, rates = rule.init(tree), [0.05] * 10 + [0.01] * 10
    for step, rate in zip(grads, rates):
        state.hyperparams["learning_rate"] = jax.numpy.float32(rate)
        if rate == 0.01:
            state.hyperparams["beta1"] = jax.numpy.float32(0.5)
        tree, state = move({"a": step[0], "b": [step[1], (step[2], step[3])]}, state, tree)
    faults.check(len(traces) == 1, f"jax: traced {len(traces)} times under inject_hyperparams")
    kept = nosc.run("adam", params, grads, 0.05)[-1]
    faults.check(not np.allclose(tree["b"][1][1], kept[3], rtol=1e-4), "jax: a changed setting has no effect")
    run = JaxRun(jax, nosc.export("adam", "jax"), params, lr=lambda count: 0.05 * 0.9**count)
    first = run.step(grads[0])
    right = nosc.run("adam", params, grads[:1], 0.05)[0]
    for f, r in zip(first, right):
        faults.compare("jax", "adam", f, r, "jax adam with a schedule, step 0")
    before = run.values()
    second = run.step(grads[1])
    constant = JaxRun(jax, nosc.export("adam", "jax"), params)
    constant.step(grads[0])
    share = (before[3] - second[3]) / (before[3] - constant.step(grads[1])[3])
    faults.check(np.allclose(share, 0.9, rtol=1e-3), f"jax: a schedule's second rate is {share.mean()} of the first")
    settings = [("beta1", 0.5), ("weight_decay", 0.1), ("eps", 1e-3)]
    arrays = {name: jax.numpy.asarray(value) for name, value in settings}
    for given in (dict(settings), arrays):
        run = JaxRun(jax, nosc.export("adam", "jax"), params, lr=0.02, **given)
        for step, right in zip(grads, nosc.run("adam", params, grads, 0.02, settings)):
            for f, r in zip(run.step(step), right):
                # Arrays are float32, and 1 - 0.999 in float32 has four digits.
                error = np.abs(f - r).max(initial=0)
                faults.check(error < 1e-4, f"jax adam with settings: differs by {error:.3g}")
    decay = nosc.export("powersign_ld", "jax").powersign_ld
    faults.check(raises(ValueError, lambda: decay(0.1)), "jax: no total_steps is not refused")
    adamw = nosc.export("adamw", "jax").adamw(0.1)
    faults.check(raises(ValueError, lambda: adamw.update([params[3]], adamw.init([params[3]]))), "jax: w without params")
    sgd = nosc.formula("sign(g) * m", "jax").expression(0.1)
    updates, _ = sgd.update([params[3]], sgd.init([params[3]]))
    faults.check(updates[0].shape == (64,), "jax: parameters are needed where none are read")
    half = [jax.numpy.asarray(params[3], jax.numpy.bfloat16)]
    state = adamw.init(half)
    updates, state = adamw.update(half, state, half)
    kinds = (state.m[0].dtype, optax.apply_updates(half, updates)[0].dtype)
    faults.check(kinds == (jax.numpy.float32, jax.numpy.bfloat16), f"jax: bfloat16 parameters give {kinds}")
    chained = optax.chain(optax.clip_by_global_norm(1.0), nosc.export("lion", "jax").lion(1e-3))
    state = chained.init(params)
    updates, state = chained.update(grads[0], state, params)
    faults.check([u.shape for u in updates] == SHAPES, "jax: not to be chained")


def check_jax_draws(jax, nosc, faults):
    def update(text, g=1.0, count=100_000, steps=1, lr=1.0):
        run = JaxRun(jax, nosc.formula(text, "jax"), [np.zeros(count, np.float32)] * 2, lr=lr)
        gradient = np.full(count, g, np.float32)
        rows = [run.values()] + [run.step([gradient, gradient]) for _ in range(steps)]
        return [(a[0] - b[0], a[1] - b[1]) for a, b in zip(rows, rows[1:])]

    check_draws("jax", update, faults)


# ---------------------------------------------------------------- what both share


def check_draws(library, update, faults):
    """Statistics of 100,000 draws, at five deviations of what they are estimated with."""

    def near(found, wanted, deviation, what):
        holds = abs(found - wanted) < 5 * deviation
        faults.check(holds, f"{library}: {what} is {found:.5g}, expected {wanted:.5g}")

    count = 100_000
    for p in (0.1, 0.3, 0.5):
        (first, second), = update(f"drop(g, {p})")
        near((first == 0).mean(), p, math.sqrt(p * (1 - p) / count), f"the share that drop(g, {p}) drops")
        faults.check(set(np.unique(first)) == {0.0, 1.0}, f"{library}: drop rescales")
        faults.check((first != second).any(), f"{library}: two tensors have the same draws")
    (first, _), = update("drop(g, 0.5)", g=math.nan)
    near(np.isnan(first).mean(), 0.5, math.sqrt(0.25 / count), "the share of NaN that is left")
    (first, _), = update("drop(g, 1) + 2 * drop(g, 0)")
    faults.check((first == 2).all(), f"{library}: drop with 0 and 1")
    (first, _), = update("drop(g, 0.5) + 2 * drop(g, 0.5)")
    counts = [(first == value).mean() for value in range(4)]
    faults.check(np.allclose(counts, 0.25, atol=0.01), f"{library}: two drops are one: {counts}")
    (first, _), = update("eps + 0 * g")
    near(first.mean(), 0, 0.1 / math.sqrt(count), "the mean of eps")
    near(first.var(), 0.01, 0.01 * math.sqrt(2 / count), "the variance of eps")
    (first, _), = update("(1 + eps) * (1 + eps) - (1 + 2 * eps) + 0 * g")
    near(first.mean(), 0.01, 0.01 * math.sqrt(2 / count), "the mean of eps times itself, one draw")
    (first, _), = update("eps * eps_t + 0 * g")
    near(first.mean(), 0, 0.1 / math.sqrt(count), "the mean of eps times eps_t, two draws")
    rows = update("eps_t + 0 * g", steps=3)
    for t, (first, _) in enumerate(rows):
        variance = (1 + t) ** -0.55
        near(first.var(), variance, variance * math.sqrt(2 / count) + 1e-6, f"the variance of eps_t at step {t}")
    faults.check(np.corrcoef(rows[0][0], rows[1][0])[0, 1] < 0.02, f"{library}: two steps have the same draws")
    (first, second), (third, _) = update("{ update = g\n schedule = 2 + eps_t + drop(1, 0.5) }", steps=2)
    same = np.ptp(first) < 1e-5 and np.allclose(first[0], second[0])
    faults.check(same and not np.isclose(first[0], third[0]), f"{library}: a schedule's draw is not one a step")


def equal(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b))


def raises(kind, function):
    try:
        function()
    except kind:
        return True
    return False


def skipped(what):
    line = "*" * 80
    print(f"{line}\nSKIPPED: {what} is not installed, so exports for it are not run.\n{line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nosc")
    parser.add_argument("--only", choices=["torch", "jax"])
    arguments = parser.parse_args()
    faults = Faults()
    with tempfile.TemporaryDirectory() as folder:
        nosc = Nosc(arguments.nosc, pathlib.Path(folder))
        if arguments.only != "jax":
            check_torch(nosc, faults)
        if arguments.only != "torch":
            check_jax(nosc, faults)
    for library in ("torch", "jax"):
        rules = sorted((error, rule) for (of, rule), error in faults.worst.items() if of == library)
        if rules:
            exact = sum(error == 0 for error, _ in rules)
            worst = ", ".join(f"{rule} {error:.2g}" for error, rule in reversed(rules[-4:]))
            print(f"{library}: {len(rules)} rules, {exact} of them bit for bit; largest differences: {worst}")
    print(f"{faults.checks} checks, {len(faults.lines)} faults")
    sys.exit(1 if faults.lines else 0)


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main()
