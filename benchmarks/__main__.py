"""python -m benchmarks layers [--table resnet50,...] [--passes fwd,bwd_input,bwd_weight] [--threads 1,2]
    [--weights kept|changing]
python -m benchmarks network [--model resnet50|vgg16|mobilenetv2] [--batch 8] [--mode train|infer] [--threads 1,2]
python -m benchmarks regions"""

from __future__ import annotations

import argparse

from benchmarks.layers import TABLES, compare
from benchmarks.network import compare as compare_networks
from benchmarks.networks import NETWORKS
from benchmarks.peak import regions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Convlet beside PyTorch.")
    commands = parser.add_subparsers(dest="command", required=True)
    layers = commands.add_parser("layers", help="single layers of real networks")
    tables = ", ".join(sorted(each.stem for each in TABLES.glob("*.txt")))
    layers.add_argument("--table", default="resnet50", help=f"tables, by commas: {tables}")
    layers.add_argument("--passes", default="fwd", help="of fwd, bwd_input, bwd_weight (default fwd)")
    layers.add_argument("--threads", default="1,2")
    layers.add_argument("--batch", type=int, help="images, instead of the table's")
    layers.add_argument("--algorithm", default="", help="force algorithms, by commas: the best of them counts")
    choices = ["default", "kept", "changing"]
    layers.add_argument("--weights", default="default", choices=choices, help="default: kept in forward passes only")
    layers.add_argument("--rounds", type=int, default=4, help="turns of each side (default 4)")
    layers.add_argument("--seconds", type=float, default=0.05, help="of each turn (default 0.05)")
    network = commands.add_parser("network", help="steps of whole networks, and what they spend")
    network.add_argument("--model", default="resnet50", choices=sorted(NETWORKS))
    network.add_argument("--batch", type=int, default=8)
    network.add_argument("--mode", default="train", choices=["train", "infer"])
    network.add_argument("--threads", default="1,2")
    network.add_argument("--rounds", type=int, default=5, help="steps of each side (default 5)")
    network.add_argument("--size", type=int, default=224, help="pixels of an image's side (default 224)")
    commands.add_parser("regions", help="what an empty parallel region costs")
    arguments = parser.parse_args()
    if arguments.command == "regions":
        regions()
        return
    if arguments.command == "network":
        for threads in map(int, arguments.threads.split(",")):
            compare_networks(
                arguments.model, arguments.batch, arguments.mode, threads, arguments.rounds, arguments.size
            )
        return
    for threads in map(int, arguments.threads.split(",")):
        compare(
            arguments.table.split(","),
            arguments.passes.split(","),
            threads,
            arguments.rounds,
            arguments.seconds,
            tuple(filter(None, arguments.algorithm.split(","))),
            arguments.batch,
            arguments.weights,
        )


if __name__ == "__main__":
    main()
