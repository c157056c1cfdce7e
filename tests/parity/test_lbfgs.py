"""L-BFGS takes PyTorch's steps, with and without a line search, and goes on from a saved state."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def bowl(x):
    return ((x - 1) ** 4).sum() + (x[0] * x[1]) ** 2


PROBLEMS = {"rosenbrock": (rosenbrock, [-1.2, 1.0, 0.7]), "bowl": (bowl, [3.0, -2.0])}


def run(t, problem, options, steps=3):
    function, start = PROBLEMS[problem]
    x = t.nn.Parameter(t.torch.tensor(start, dtype=t.torch.float64))
    optimizer = t.torch.optim.LBFGS([x], **options)
    seen = []

    def closure():
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        seen.append(loss.item())
        return loss

    for _ in range(steps):
        seen.append(optimizer.step(closure).item())
        seen += x.tolist()
    return seen, optimizer, closure, x


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(
    "options",
    [
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 6, "lr": 0.5},
        {"line_search_fn": "strong_wolfe", "lr": 30, "max_iter": 5},
        {"lr": 0.01, "max_iter": 7},
        {"lr": 0.01, "max_eval": 4},
    ],
    ids=str,
)
def test_the_same_evaluations(problem, options):
    theirs, ours = (run(t, problem, options) for t in libraries(torch))
    assert len(ours[0]) == len(theirs[0])
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-9)
    for name in ("func_evals", "n_iter"):
        assert ours[1].state_dict()["state"][0][name] == theirs[1].state_dict()["state"][0][name]
    assert repr(ours[1]) == repr(theirs[1])


def test_a_network_in_float32():
    results = []
    for t in libraries(torch):
        t.torch.manual_seed(0)
        net = t.nn.Sequential(t.nn.Conv2d(1, 2, 3), t.nn.Tanh(), t.nn.Flatten(), t.nn.Linear(8, 1))
        x, y = (t.torch.tensor(each.astype("float32")) for each in (some(6, 1, 4, 4), some(6, 1)))
        optimizer = t.torch.optim.LBFGS(net.parameters(), max_iter=4, line_search_fn="strong_wolfe")

        def closure(t=t, net=net, x=x, y=y, optimizer=optimizer):
            optimizer.zero_grad()
            loss = t.F.mse_loss(net(x), y)
            loss.backward()
            return loss

        results.append([optimizer.step(closure).item() for _ in range(3)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-3)


def test_a_saved_state_goes_on():
    _, t = libraries(torch)
    options = {"line_search_fn": "strong_wolfe", "max_iter": 3}
    whole, *_ = run(t, "rosenbrock", options, steps=4)
    part, optimizer, closure, x = run(t, "rosenbrock", options, steps=2)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    for _ in range(2):
        part.append(optimizer.step(closure).item())
        part += x.tolist()
    assert part[-4:] == whole[-4:]


def test_refusals():
    for t in libraries(torch):
        x, y = (t.nn.Parameter(t.torch.ones(2)) for _ in range(2))
        with pytest.raises(ValueError, match=r"LBFGS doesn't support per-parameter options \(parameter groups\)"):
            t.torch.optim.LBFGS([{"params": [x]}, {"params": [y]}])
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            run(t, "bowl", {"line_search_fn": "other"})
