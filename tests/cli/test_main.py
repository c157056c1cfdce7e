"""The command line itself."""

import subprocess
import sys

import convlet


def test_version_and_help(convlet_command):
    status, out, _ = convlet_command("--version")
    assert (status, out) == (0, f"convlet {convlet.__version__}\n")
    status, out, _ = convlet_command("--help")
    assert status == 0
    assert all(each in out for each in ("train", "predict", "run"))


def test_no_command_or_an_unknown_one_is_refused(convlet_command):
    for arguments in ((), ("fly",), ("train", "--unknown")):
        status, _, err = convlet_command(*arguments)
        assert status == 2
        assert "usage: convlet" in err


def test_a_reader_that_stops_early_is_no_error():
    command = f"'{sys.executable}' -m convlet train --help | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("usage: convlet train")
