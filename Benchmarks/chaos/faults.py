"""The faults. Each takes a world whose load is running and gives back a world whose violations are counted."""
import datetime, os, random, re, signal, subprocess, time

from world import ACKNOWLEDGED, Trouble, wait

EXIT_CANNOT_WRITE, EXIT_INPUT_OUTPUT, EXIT_CLOCK = 73, 74, 76


def kill(world, rounds, seconds):
    """kill -9 at random moments."""
    world.start()
    world.begin_load()
    for world.rounds in rounds(seconds):
        world.random_moment()
        world.server.end(signal.SIGKILL)
        world.start()
        if world.rounds % 25 == 0:
            world.check()
    return world


def point(world, name, rounds, seconds):
    """The server dies at the n-th time that it comes to a place in the code."""
    world.start()
    world.begin_load()
    world.server.end(signal.SIGKILL)
    # As often as the load comes by in about a second, so that the moment is not always the first.
    often = {"account": 2, "revocation": 3, "list": 1, "issuance": 30, "order": 30, "challenge": 30, "sqlite": 150, "postgresql": 100}
    for world.rounds in rounds(seconds):
        count = random.randint(1, 1 if name.startswith("account.key") else often[name.split(".")[0]])
        # The start after a death is the one that dies next.
        became_ready = world.start({"CHANCERY_FAULT_POINT": f"{name}:{count}"}, may_die=True)
        status = world.server.ended(60)
        if status != -signal.SIGKILL:
            raise Trouble(f"ended with {status} instead of dying at {name}")
        if not became_ready:
            world.start()
            world.random_moment(0.2)
            world.server.end(signal.SIGKILL)
    world.start()
    world.progress(1)
    world.check()
    return world


def term(world, rounds, seconds):
    """SIGTERM under load: whatever was sent is answered, and no answer is an error."""
    world.start()
    world.begin_load()
    for world.rounds in rounds(seconds):
        world.random_moment()
        began = time.time()
        status = world.server.end(signal.SIGTERM)
        if status != 0:
            world.violation(f"ended with {status}")
        time.sleep(0.1)
        for line in world.journal.since(began, "unanswered", "refused"):
            world.violation(f"{line['k']}: {line}")
        world.start()
    return world


def eio(world, rounds, seconds):
    """The device fails to sync: nothing is acknowledged any more, and the server ends with its own status."""
    return broken_device(world, rounds, seconds, ["EIO sync", "EIO write", "EIO sync,write"])


def readonly(world, rounds, seconds):
    """The device turns read-only under the server; then the folder is read-only at the start."""
    broken_device(world, rounds, seconds, ["EROFS write"])
    if os.geteuid() == 0:
        world.server.end(signal.SIGTERM)
        data = world.server.data
        subprocess.run(["mount", "--bind", data, data], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", data], check=True)
            world.server.spawn(world.environment)
            status = world.server.ended(30)
            if status != EXIT_CANNOT_WRITE:
                world.violation(f"on a read-only folder it ended with {status}")
        finally:
            subprocess.run(["umount", data], check=True)
        world.start()
        world.progress(5)
    return world


def broken_device(world, rounds, seconds, orders):
    preload = {"LD_PRELOAD": world.options.failing, "CHANCERY_FAILING": world.failing}
    order(world, "")
    world.start(preload)
    world.begin_load()
    for world.rounds in rounds(seconds):
        world.random_moment()
        order(world, random.choice(orders))
        began = time.time()
        status = world.server.ended(60)
        if status != EXIT_INPUT_OUTPUT:
            world.violation(f"ended with {status}, not {EXIT_INPUT_OUTPUT}")
        # A commit that was synced just before may be answered just after.
        for line in world.journal.since(began + 1, *ACKNOWLEDGED):
            world.violation(f"acknowledged without a device: {line}")
        refusals_are_kind(world, began)
        order(world, "")
        world.start(preload)
    return world


def order(world, text):
    with open(world.failing + ".new", "w") as file:
        file.write(text)
    os.rename(world.failing + ".new", world.failing)


def refusals_are_kind(world, since):
    for line in world.journal.since(since, "refused"):
        if line["status"] != "503" or not line["after"]:
            world.violation(f"not 503 with Retry-After: {line}")
            return


def full(world, rounds, seconds):
    """The disk fills up and is freed: 503 with Retry-After meanwhile, then it goes on by itself."""
    on_disk = world.mounted is not None
    preload = {} if on_disk else {"LD_PRELOAD": world.options.failing, "CHANCERY_FAILING": world.failing}
    world.start(preload)
    world.begin_load()
    filling = os.path.join(world.disk, "filling")
    for world.rounds in rounds(seconds):
        world.random_moment(0.3)
        began = time.time()
        if on_disk:
            subprocess.run(["dd", "if=/dev/zero", f"of={filling}", "bs=4k"], stderr=subprocess.DEVNULL)
        else:
            order(world, "ENOSPC write")
        wait("a refusal on a full disk", 60, lambda: world.journal.since(began, "refused"), 0.1)
        time.sleep(0.5)
        if on_disk:
            os.remove(filling)
        else:
            order(world, "")
        refusals_are_kind(world, began)
        freed = time.monotonic()
        if not world.server.running:
            raise Trouble(f"the server ended with {world.server.process.returncode} on a full disk")
        world.progress(5, 30)
        world.server.recoveries.append(time.monotonic() - freed)
        if world.rounds % 10 == 0:
            world.check()
    return world


def limits(pid, name, soft):
    subprocess.run(["prlimit", f"--pid={pid}", f"--{name}={soft}:"], check=True)


def fds(world, rounds, seconds):
    """No descriptor is left for two seconds, while new connections come in and validations want to dial."""
    world.start()
    world.begin_load()
    for world.rounds in rounds(seconds):
        world.random_moment(0.3)
        pid = world.server.process.pid
        limits(pid, "nofile", len(os.listdir(f"/proc/{pid}/fd")) - 4)
        time.sleep(2)
        limits(pid, "nofile", 1024)
        freed = time.monotonic()
        if not world.server.running:
            raise Trouble(f"the server ended with {world.server.process.returncode} without descriptors")
        world.progress(5, 60)
        world.server.recoveries.append(time.monotonic() - freed)
    return world


def memory(world, rounds, seconds):
    """No more memory is to be had: the server may die of it, and is started again."""
    world.start()
    world.begin_load()
    died = 0
    for world.rounds in rounds(seconds):
        world.random_moment(0.3)
        pid = world.server.process.pid
        with open(f"/proc/{pid}/statm") as file:
            size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits(pid, "as", size + random.randint(0, 4 << 20))
        end = time.monotonic() + 3
        while world.server.running and time.monotonic() < end:
            time.sleep(0.05)
        if world.server.running:
            limits(pid, "as", "unlimited")
            world.progress(2)
        else:
            died += 1
            world.note = f"ended {died} times"
            world.server.ended(1)
            world.start()
    return world


def set_clock(world, offset):
    with open(world.clock + ".new", "w") as file:
        file.write(f"{offset}\n")
    os.rename(world.clock + ".new", world.clock)


def clock(world, rounds, seconds):
    """An hour back, a day forward: what is signed stays within the profile, lists never go back, refusals are clear."""
    world.environment["CHANCERY_FAULT_CLOCK"] = world.clock
    set_clock(world, 0)
    world.start()
    world.begin_load()
    offset = 0
    for world.rounds in rounds(seconds):
        world.progress(3)
        # Back: nothing is signed until the clock is right again.
        set_clock(world, offset - 3600)
        time.sleep(0.5)
        began = time.time()
        wait("a refusal", 30, lambda: world.journal.since(began, "refused"), 0.1)
        refusals_are_kind(world, began)
        if world.server.answers("readyz"):
            world.violation("ready though the clock is behind")
        settled = time.time()
        time.sleep(0.5)
        if world.journal.since(settled + 0.2, "valid"):
            world.violation("a certificate was issued though the clock is behind")
        set_clock(world, offset)
        world.progress(3)
        if world.rounds % 2 == 0:
            offset += 86400
            set_clock(world, offset)
            world.progress(3)
    # A start behind the record is refused in one sentence.
    world.server.end(signal.SIGTERM)
    set_clock(world, offset - 3600)
    world.server.spawn(world.environment)
    status = world.server.ended(60)
    if status != EXIT_CLOCK:
        world.violation(f"started before its record it ended with {status}")
    set_clock(world, offset)
    world.start()
    world.progress(3)
    within_profile(world)
    return world


def within_profile(world):
    """Every certificate lasts its 45 days to the second, and begins when it was intended (the first half of its name). One that was in
    the making while the clock jumped may begin by just that jump before or after its name."""
    across = 0
    for id, begin, end in world.rows(lambda hex: f"SELECT {hex('id')}, not_before, not_after FROM certificates"):
        lasts, early = (int(end) - int(begin)) // 1_000_000 + 1, (int(id[:16], 16) - int(begin)) / 1e6
        jumps = [jump for jump in (0, 3600, -3600, 86400, -86400) if 0 <= early - jump < 120]
        if lasts > 45 * 86400 or not jumps:
            world.violation(f"certificate {id} lasts {lasts} s and begins {early} s before it was intended")
        across += jumps != [0]
    world.note = f"{across} certificates in the making at a jump"
