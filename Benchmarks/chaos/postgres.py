"""PostgreSQL of our own for the faults that need one, on a private folder and socket."""
import glob, os, shutil, signal, subprocess, time

from world import Trouble, wait


class SQLite:
    name = "sqlite"

    def fresh(self, data, _):
        return os.path.join(data, "chancery.sqlite")

    def flags(self, _):
        return []

    def stop(self):
        pass


class PostgreSQL:
    """Debian's server as the user postgres; it refuses to run as root."""
    name = "postgres"

    def __init__(self, folder):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        if not found:
            raise SystemExit("script/chaos: PostgreSQL is missing; script/install bench installs it")
        self.bin = os.path.dirname(found[-1])
        self.folder, self.data = folder, os.path.join(folder, "data")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, mode=0o755)
        self.prefix = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self.run("initdb", "-D", self.data, "-U", "chancery", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.process = None
        self.start()

    def run(self, program, *arguments):
        done = subprocess.run([*self.prefix, os.path.join(self.bin, program), *arguments], cwd="/", capture_output=True, text=True)
        if done.returncode:
            raise Trouble(f"{program}: {done.stderr.strip()}")
        return done.stdout

    def start(self):
        """Until it takes connections."""
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [*self.prefix, os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.folder, "-c", "listen_addresses=",
             "-c", "max_connections=60", "-c", "restart_after_crash=on"],
            cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait("PostgreSQL", 60, lambda: self.answers(), 0.1)

    def answers(self):
        return subprocess.run(["psql", "-XAtq", "-d", self.url("postgres"), "-c", "SELECT 1"], capture_output=True).returncode == 0

    def url(self, database):
        return f"postgres://chancery@/{database}?host={self.folder}"

    def sql(self, text, database="postgres"):
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", text],
                              capture_output=True, text=True)
        if done.returncode:
            raise Trouble(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def fresh(self, _, name):
        database = "c_" + "".join(c if c.isalnum() else "_" for c in name)
        self.sql(f"DROP DATABASE IF EXISTS {database}")
        self.sql(f"CREATE DATABASE {database}")
        return self.url(database)

    def flags(self, database):
        return ["--database", database]

    def signal_all(self, number):
        """The postmaster and all its children at once, as when the machine fails. Each child is a process group of its own."""
        postmaster = self.process.pid
        if number != signal.SIGCONT:
            # So that it makes no more of them meanwhile.
            os.kill(postmaster, signal.SIGSTOP)
        with open(f"/proc/{postmaster}/task/{postmaster}/children") as file:
            children = [int(word) for word in file.read().split()]
        for process in [*children, postmaster]:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.signal_all(signal.SIGKILL)


def pg_kill(world, rounds, seconds):
    """kill -9 of all of PostgreSQL; the server stays and carries on by itself."""
    world.start()
    world.begin_load()
    for world.rounds in rounds(seconds):
        world.random_moment()
        world.engine.signal_all(signal.SIGKILL)
        world.engine.process.wait()
        time.sleep(0.5)
        world.engine.start()
        back(world)
    return world


def pg_stop(world, rounds, seconds):
    """PostgreSQL stands still for 30 s and goes on: requests meanwhile are refused in time."""
    world.start()
    world.begin_load()
    for world.rounds in rounds(seconds):
        world.random_moment()
        began = time.time()
        world.engine.signal_all(signal.SIGSTOP)
        time.sleep(30)
        world.engine.signal_all(signal.SIGCONT)
        refused = world.journal.since(began, "refused")
        if any(line["status"] != "503" or not line["after"] for line in refused):
            world.violation("not 503 with Retry-After")
        back(world)
    return world


def pg_reset(world, rounds, seconds):
    """The server's connections are cut, whatever they are at; 50 times a round."""
    world.start()
    world.begin_load()
    for world.rounds in rounds(seconds):
        for _ in range(50):
            world.engine.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                             "AND datname <> 'postgres' AND (state <> 'idle' OR random() < 0.2)")
            time.sleep(0.1)
        back(world)
    return world


def back(world):
    began = time.monotonic()
    if not world.server.running:
        raise Trouble(f"the server ended with {world.server.process.returncode}")
    world.progress(5, 90)
    world.server.recoveries.append(time.monotonic() - began)
