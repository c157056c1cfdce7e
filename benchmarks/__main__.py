"""python -m benchmarks layers [--table resnet50,...] [--passes fwd,bwd_input,bwd_weight] [--threads 1,2] [--json FILE]
    [--precision high|highest] [--weights kept|changing] [--layout channels_last] [--dtype f32] [--target avx2]
    [--idle] [--cold] [--first] [--batch N] [--algorithm direct,...]
python -m benchmarks ways channels_last|f16|bf16|algorithms [--table all] [--passes all]    (Convlet beside itself)
python -m benchmarks network [--model resnet50|vgg16|mobilenetv2] [--batch 8] [--mode train|infer] [--threads 1,2]
python -m benchmarks calls [--table small,beside,linear] [--rounds 5]
python -m benchmarks start [--compile resnet50,...] [--rounds 5]
python -m benchmarks regions"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import calls, layers, network, start, ways
from benchmarks.networks import NETWORKS
from benchmarks.operations import TABLES
from benchmarks.regions import regions
from benchmarks.sides import Setting


def add_layers(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("layers", help="single layers of real networks")
    add = parser.add_argument
    add_rows(parser, "1,2")
    add("--algorithm", default="", help="force algorithms, by commas: the best of them counts")
    choices = ["default", "kept", "changing"]
    add("--weights", default="default", choices=choices, help="default: kept in forward passes only")
    add("--layout", default="nchw", choices=["nchw", "channels_last"], help="of Convlet's arrays")
    add("--dtype", default="f32", choices=sorted(layers.BOUNDS))
    add("--target", choices=sorted(layers.RESTRICTED), help="restrict both sides to an instruction set")
    add("--idle", action="store_true", help="20 ms of sleep before each call")
    add("--cold", action="store_true", help="neither input nor weight in a cache: others are read before each call")
    add("--first", action="store_true", help="the first call of each problem; every round in new processes")
    add("--json", type=Path, metavar="FILE", help="add the rows to a file, a JSON object a line")
    parser.set_defaults(run=run_layers)


def add_rows(parser: argparse.ArgumentParser, threads: str) -> None:
    """The options that say which rows are measured, and for how long."""
    add = parser.add_argument
    add("--table", default="resnet50", help=f"tables, by commas: {', '.join(layers.table_names())}")
    add("--passes", default="fwd", help="of fwd, bwd_input, bwd_weight (default fwd); all: the three, and their sum")
    add("--threads", default=threads)
    add("--batch", type=int, help="images, instead of the table's")
    add("--precision", default="high", choices=["high", "highest"])
    add("--rounds", type=int, default=4, help="turns of each side (default 4)")
    add("--seconds", type=float, default=0.05, help="of each turn (default 0.05)")


def rows_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What add_rows asked for, as fields of layers.Options."""
    passes = "fwd,bwd_input,bwd_weight" if arguments.passes == "all" else arguments.passes
    return {
        "tables": tuple(arguments.table.split(",")),
        "passes": tuple(passes.split(",")),
        "batch": arguments.batch,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
    }


def run_layers(arguments: argparse.Namespace) -> None:
    for threads in map(int, arguments.threads.split(",")):
        setting = Setting(
            threads=threads,
            precision=arguments.precision,
            weights=arguments.weights,
            layout=arguments.layout,
            algorithms=tuple(filter(None, arguments.algorithm.split(","))),
        )
        rows = layers.compare(
            layers.Options(
                **rows_of(arguments),
                setting=setting,
                dtype=arguments.dtype,
                target=arguments.target,
                idle=0.02 if arguments.idle else 0.0,
                cold=arguments.cold,
                first=arguments.first,
            )
        )
        if arguments.json:
            with arguments.json.open("a", encoding="utf-8") as file:
                options = {name: value for name, value in vars(arguments).items() if name not in ("run", "json")}
                for row in rows:
                    file.write(json.dumps({"options": options | {"threads": threads}, **row}) + "\n")


def add_ways(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("ways", help="Convlet beside itself: in another layout or type, by other algorithms")
    parser.add_argument("way", choices=sorted(ways.WAYS), help="algorithms: the chosen one beside the best other one")
    add_rows(parser, "2")
    parser.set_defaults(run=run_ways)


def run_ways(arguments: argparse.Namespace) -> None:
    for threads in map(int, arguments.threads.split(",")):
        setting = Setting(threads=threads, precision=arguments.precision)
        ways.compare(arguments.way, layers.Options(**rows_of(arguments), setting=setting))


def add_network(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("network", help="steps of whole networks, and what they spend")
    add = parser.add_argument
    add("--model", default="resnet50", choices=sorted(NETWORKS))
    add("--batch", type=int, default=8)
    add("--mode", default="train", choices=["train", "infer"])
    add("--threads", default="1,2")
    turns = "turns of each side: a step after a pause, then half a second of steps back to back (default 5)"
    add("--rounds", type=int, default=5, help=turns)
    add("--size", type=int, default=224, help="pixels of an image's side (default 224)")
    parser.set_defaults(run=run_network)


def run_network(arguments: argparse.Namespace) -> None:
    a = arguments
    for threads in map(int, a.threads.split(",")):
        network.compare(a.model, a.batch, a.mode, threads, a.rounds, a.size)


def add_calls(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("calls", help="what single calls cost, small ones and those beside convolutions")
    parser.add_argument("--table", default="small", help=f"tables, by commas: {', '.join(TABLES)} (default small)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default 5)")
    parser.set_defaults(run=run_calls)


def run_calls(arguments: argparse.Namespace) -> None:
    for table in arguments.table.split(","):
        calls.compare(table, arguments.rounds)


def add_start(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("start", help="what a new process costs, and compiling")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each side (default 5)")
    parser.add_argument("--compile", default="resnet50", help="networks compiled for, by commas (default resnet50)")
    parser.set_defaults(run=lambda a: start.compare(a.rounds, tuple(filter(None, a.compile.split(",")))))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Convlet beside PyTorch.")
    commands = parser.add_subparsers(required=True)
    add_layers(commands)
    add_ways(commands)
    add_network(commands)
    add_calls(commands)
    add_start(commands)
    commands.add_parser("regions", help="what an empty parallel region costs").set_defaults(run=lambda _: regions())
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
