"""Runs a Python module that must not outlive the process that started it.

    guard.py SCRATCH SEED MODULE [ARGUMENT...]

Standard input is a pipe that the parent holds and never writes to. However the parent ends, by its own will, by Ctrl-C
or by SIGKILL, the pipe closes: SCRATCH is deleted then, and the whole process group (the module and the workers that it
started) is killed. SEED seeds Python's random numbers; `-` leaves them random.
"""

import os
import random
import runpy
import shutil
import signal
import sys
import threading


def end_with_the_parent(scratch):
    sys.stdin.buffer.read()
    shutil.rmtree(scratch, ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    scratch, seed, module = sys.argv[1:4]
    threading.Thread(target=end_with_the_parent, args=(scratch,), daemon=True).start()
    if seed != "-":
        random.seed(int(seed))
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
