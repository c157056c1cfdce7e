"""Write NAME.out beside each program of this folder: what it prints under PyTorch, seeded with SEED.

Run it with PyTorch 2.13.0 installed: python examples/seeds/make_outputs.py. Convlet must then print the same:
convlet run --seed 0 examples/seeds/NAME.py.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SEED = 0
RUN = "import runpy, sys, torch; torch.manual_seed(int(sys.argv[1])); runpy.run_path(sys.argv[2], run_name='__main__')"


def main() -> None:
    import torch

    if torch.__version__.split("+")[0] != "2.13.0":
        sys.exit(f"the outputs are those of PyTorch 2.13.0; this is {torch.__version__}")
    for program in sorted(HERE.glob("*_*.py")):
        if program.name == Path(__file__).name:
            continue
        command = [sys.executable, "-c", RUN, str(SEED), str(program)]
        output = subprocess.run(command, capture_output=True, check=True).stdout
        program.with_suffix(".out").write_bytes(output)
        print(program.stem)


if __name__ == "__main__":
    main()
