"""Runs a command and writes one line of JSON to a file: seconds, CPU seconds, peak bytes of memory and of temporary files.

python measure.py RESULT OUTPUT TEMPORARY COMMAND...

Memory is that of the largest single process, as the system reports it, or of all processes of the command together,
looked at four times a second (where there is /proc), if that is more: a look takes some milliseconds of a processor, and
more of them would measure the looking. Temporary files are those in TEMPORARY, and those without a name that
a process holds open. The command's standard output goes to OUTPUT.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time

result_file, output_file, temporary, *command = sys.argv[1:]
page_bytes = os.sysconf("SC_PAGE_SIZE")
peak = {"memory": 0, "temporary": 0}


def processes(session):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name of the program may contain anything, but ends at the last parenthesis.
                    fields = file.read().rsplit(b")", 1)[1].split()
                if int(fields[3]) == session:
                    yield name, int(fields[21]) * page_bytes
            except OSError:
                pass


def unnamed_bytes(process):
    found = {}
    for name in os.listdir(f"/proc/{process}/fd"):
        try:
            info = os.stat(f"/proc/{process}/fd/{name}")
            if info.st_nlink == 0 and info.st_size > 0:
                found[info.st_dev, info.st_ino] = info.st_blocks * 512
        except OSError:
            pass
    return found


def look(session):
    memory, unnamed = 0, {}
    for process, resident in processes(session):
        memory += resident
        try:
            unnamed.update(unnamed_bytes(process))
        except OSError:
            pass
    named = 0
    for folder, _, files in os.walk(temporary):
        for name in files:
            try:
                named += os.stat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                pass
    peak["memory"] = max(peak["memory"], memory)
    peak["temporary"] = max(peak["temporary"], named + sum(unnamed.values()))


def keep_looking(session):
    while not done.wait(0.25):
        look(session)


done = threading.Event()
with open(output_file, "wb") as output:
    started = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        start_new_session=True,
        env={**os.environ, "TMPDIR": temporary},
    )
    if os.path.isdir("/proc/self/fd"):
        threading.Thread(target=keep_looking, args=(child.pid,), daemon=True).start()
    code = child.wait()
    seconds = time.perf_counter() - started
done.set()
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(result_file, "w") as file:
    json.dump(
        {
            "code": code,
            "seconds": seconds,
            "cpuSeconds": usage.ru_utime + usage.ru_stime,
            "memoryBytes": max(peak["memory"], largest),
            "temporaryBytes": peak["temporary"],
        },
        file,
    )
