"""The tables of the benchmarks can be read, and the sums below them are right."""

import pytest
from benchmarks import calls, layers, network, operations, start, worker

import convlet

TABLES = layers.table_names()


@pytest.mark.parametrize("name", TABLES)
def test_tables(name):
    problems = layers.read_table(name)
    assert problems
    assert len(set(problems)) == len(problems), "each layer stands once"


def test_transposed_layers():
    options = layers.Options(("dcgan",), batch=3, dtype="f64")
    transposed = next(each for each in layers.read_table("dcgan") if each.direction == "bwd_input")
    plain = layers.read_table("vgg16")[0]
    directions = ("fwd", "bwd_input", "bwd_weight")
    assert [layers.problem_of(plain, d, options).direction for d in directions] == [*directions]
    swapped = [layers.problem_of(transposed, d, options) for d in directions]
    assert [each.direction for each in swapped] == ["bwd_input", "fwd", "bwd_weight"]
    assert {(each.n, each.dtype) for each in swapped} == {(3, "f64")}


def test_summary():
    def row(layer, direction, us, torch_us):
        times = {"us": us, "torch_us": torch_us, "ratio": torch_us / us}
        return {"layer": layer, "pass": direction, "problem": "p", **times}

    rows = [row(0, "fwd", 1, 4), row(1, "fwd", 1, 1), row(0, "bwd_input", 2, 4), row(0, "bwd_weight", 2, 1)]
    lines = layers.summary(rows)
    assert lines[0].startswith("fwd: geometric mean 2.00, 0 of 2 below 1, worst 1.00")
    assert lines[2].startswith("bwd_weight: geometric mean 0.50, 1 of 1 below 1")
    assert lines[3].startswith("fwd + bwd: geometric mean 1.80, 0 of 1")


def test_a_turn_of_a_network():
    calls = []
    answer = network.take_turn(lambda: calls.append(1) or [1.5], seconds=0.0)
    assert answer["result"] == [1.5]
    assert len(answer["times"]) == 1
    assert len(calls) == 2
    assert network.summary([0.003, 0.001, 0.002])[1] == "2.0 ms (1.5 to 2.5)"
    assert network.summary([0.002])[1] == "2.0 ms (2.0 to 2.0)"


def test_calls_after_a_pause_and_with_empty_caches():
    calls = []
    assert len(worker.measure(lambda: calls.append(1), seconds=0.0, idle=0.001, cold=True)) == 3
    assert len(calls) == 4


def test_calls_are_counted():
    made = []
    assert calls.per_call(lambda: made.append(1), seconds=0.0) > 0
    assert len(made) == 2  # one to see how long it takes
    found = {name: call() for name, call in operations.small(convlet).items()}
    assert found["a + b, 10"].sum().item() == 20
    assert found["digits step, batch 32"] > 0


def test_a_new_process_says_when_it_is_done(tmp_path):
    seconds, memory = start.spent("import json\nassert 'numpy' not in __import__('sys').modules\n", str(tmp_path))
    assert 0 < seconds < 60
    assert 1 < memory < 200
