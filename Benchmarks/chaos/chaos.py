#!/usr/bin/env python3
"""Breaks a working authority in every way that is known here and counts what was lost. Called by script/chaos."""
import argparse, os, re, sys, time

import faults
import postgres
from world import Trouble, World

FAULTS = {"kill": faults.kill, "points": faults.point, "term": faults.term, "eio": faults.eio, "full": faults.full,
          "fds": faults.fds, "readonly": faults.readonly, "memory": faults.memory, "clock": faults.clock,
          "pg-kill": postgres.pg_kill, "pg-stop": postgres.pg_stop, "pg-reset": postgres.pg_reset}
# Faults of the one file that SQLite writes.
ON_FILES = {"eio", "full", "readonly"}
ROUNDS = {"kill": 200, "points": 20, "term": 20, "eio": 10, "full": 20, "fds": 10, "readonly": 5, "memory": 10, "clock": 4,
          "pg-kill": 10, "pg-stop": 1, "pg-reset": 1}


def options():
    o = argparse.ArgumentParser(prog="script/chaos", description=__doc__)
    o.add_argument("--engine", default="sqlite", help="sqlite, postgres or both, with a comma between (default: sqlite)")
    o.add_argument("--faults", default="all", help=f"of {','.join(FAULTS)} (default: all that fit the engine)")
    o.add_argument("--rounds", type=int, help="of each fault; by default 200 kills, 20 at each point, 20 SIGTERMs, 20 full disks, …")
    o.add_argument("--seconds", type=int, default=86400, help="at most this long for each fault (for each point)")
    o.add_argument("--points", default="", help="only points whose name contains this")
    o.add_argument("--build", choices=["auto", "debug", "release"], default="auto", help="which to break (default: what the fault needs)")
    o.add_argument("--clients", type=int, default=24, help="at the same time (default: 24)")
    for hidden in ("work", "debug", "release", "acmeload", "failing", "template", "source"):
        o.add_argument(f"--{hidden}", required=True, help=argparse.SUPPRESS)
    return o.parse_args()


def points(source, wanted, engine):
    other = "sqlite." if engine == "postgres" else "postgres."
    found = set()
    for folder, _, files in os.walk(source):
        for file in files:
            if file.endswith(".swift"):
                with open(os.path.join(folder, file), encoding="utf-8") as text:
                    found |= set(re.findall(r'crashPoint\("([^"]+)"\)', text.read()))
    return sorted(name for name in found if wanted in name and not name.startswith(other))


def rounds(count):
    def of(seconds):
        end = time.monotonic() + seconds
        for number in range(1, count + 1):
            if time.monotonic() > end:
                return
            yield number
    return of


def one(o, engine, fault, point=None):
    """One row of the table."""
    count = o.rounds or ROUNDS[fault]
    # Named points, the witness and the clock are in debug builds only; all else is done to what users run, if it is built.
    program = o.debug
    if fault not in ("points", "clock") and (o.build == "release" or o.build == "auto" and os.path.exists(o.release)):
        program = o.release
    disk = 48 if fault == "full" and os.geteuid() == 0 else 0
    with World(o, point or fault, engine, program, disk) as world:
        try:
            if fault == "points":
                faults.point(world, point, rounds(count), o.seconds)
            else:
                FAULTS[fault](world, rounds(count), o.seconds)
            world.finish()
        except Trouble as trouble:
            world.violation(str(trouble))
        return world.row() + ["debug" if program == o.debug else "release", world.note]


def table(rows):
    heads = ["engine", "fault", "rounds", "orders", "orders/s", "violations", "slowest recovery, s", "build", ""]
    lines = [heads] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    o = options()
    rows, failed = [], False
    for kind in o.engine.split(","):
        engine = postgres.PostgreSQL(os.path.join(o.work, "postgresql")) if kind == "postgres" else postgres.SQLite()
        try:
            wanted = FAULTS if o.faults == "all" else o.faults.split(",")
            for fault in wanted:
                if fault not in FAULTS:
                    sys.exit(f"script/chaos: no fault {fault}; there are {', '.join(FAULTS)}")
                if fault.startswith("pg-") != (kind == "postgres") and (fault.startswith("pg-") or fault in ON_FILES):
                    continue
                for point in points(o.source, o.points, kind) if fault == "points" else [None]:
                    rows.append(one(o, engine, fault, point))
                    print("done: " + "  ".join(map(str, rows[-1])), flush=True)
                    failed = failed or rows[-1][5] > 0
        finally:
            engine.stop()
    print()
    table(rows)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
