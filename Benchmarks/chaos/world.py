"""A server, its database, its clients and its witnesses, for one fault after the other."""
import json, os, random, shutil, signal, socket, ssl, subprocess, time, urllib.request

from check import Store, check

HTTPS, HTTP, HTTP01, DNS, DNS_CONTROL = 14001, 14080, 5002, 8053, 8055
ACKNOWLEDGED = ("account", "order", "key", "revoked")


class Trouble(Exception):
    """Something that must not happen and ends the fault's rounds."""


def wait(what, seconds, holds, pause=0.02):
    """Until `holds()` is true; - raises Trouble after that many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise Trouble(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)


class Server:
    """`chanceryd serve` on one data folder, started again and again."""

    def __init__(self, program, data, log, flags=()):
        self.program, self.data, self.flags = program, data, list(flags)
        self.log = open(log, "ab", buffering=0)
        self.process, self.recoveries, self.up_since, self.up = None, [], None, 0.0

    def spawn(self, environment=None):
        self.process = subprocess.Popen(
            [self.program, "serve", "--data", self.data, "--listen", f"127.0.0.1:{HTTPS}", "--http-listen", f"127.0.0.1:{HTTP}",
             "--http01-port", str(HTTP01), "--resolver", f"127.0.0.1:{DNS}", "--allow-address", "127.0.0.0/8", *self.flags],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env={**os.environ, **(environment or {})})

    def start(self, environment=None, seconds=60, may_die=False):
        """Until it is ready; False when it died before that and may. Notes how long that took."""
        began = time.monotonic()
        self.spawn(environment)

        def ready():
            if self.process.poll() is not None:
                if may_die:
                    return "dead"
                raise Trouble(f"the server ended with {self.process.returncode} before it was ready")
            return self.answers("readyz")
        if wait("a ready server", seconds, ready) == "dead":
            return False
        self.recoveries.append(time.monotonic() - began)
        self.up_since = time.monotonic()
        return True

    def answers(self, path):
        """Status 200 over plain HTTP."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/{path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def end(self, number, seconds=90):
        """Sends the signal and waits; gives the exit status, negative for a signal's."""
        self.process.send_signal(number)
        return self.ended(seconds)

    def ended(self, seconds):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Trouble(f"the server did not end within {seconds} s")
        if self.up_since:
            self.up += time.monotonic() - self.up_since
        self.up_since = None
        return status

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def uptime(self):
        return self.up + (time.monotonic() - self.up_since if self.up_since else 0)


class Journal:
    """What the clients wrote down, read as it grows."""

    def __init__(self, path):
        self.path, self.offset, self.lines, self.counts = path, 0, [], {}
        open(path, "a").close()

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            line = json.loads(line)
            self.counts[line["k"]] = self.counts.get(line["k"], 0) + 1
            line.pop("der", None)
            self.lines.append(line)
        self.offset += whole
        return self

    def count(self, kind):
        return self.read().counts.get(kind, 0)

    def since(self, moment, *kinds):
        self.read()
        return [line for line in self.lines if line["t"] >= moment and line["k"] in kinds]


class World:
    """One fault's surroundings: a fresh authority under load."""

    def __init__(self, options, name, engine, program, disk_mib=0):
        self.options, self.name, self.engine = options, name, engine
        self.folder = os.path.join(options.work, f"{engine.name}-{name}")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.violations, self.rounds, self.mounted, self.note = [], 0, None, ""
        self.disk = os.path.join(self.folder, "disk")
        os.makedirs(self.disk)
        if disk_mib:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mib}m", "tmpfs", self.disk], check=True)
            self.mounted = self.disk
        data = os.path.join(self.disk, "ca")
        shutil.copytree(options.template, data, symlinks=True)
        self.database = engine.fresh(data, name)
        self.witness = os.path.join(self.folder, "witness")
        self.clock = os.path.join(self.folder, "clock")
        self.failing = os.path.join(self.folder, "failing")
        self.environment = {"CHANCERY_FAULT_WITNESS": self.witness}
        self.server = Server(program, data, os.path.join(self.folder, "server.log"), engine.flags(self.database))
        self.journal = Journal(os.path.join(self.folder, "journal"))
        self.dns = subprocess.Popen(
            ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{DNS}", "-http01", "",
             "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{DNS_CONTROL}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.load = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.load, self.dns, self.server.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if self.mounted:
            subprocess.run(["umount", "-l", self.mounted])

    def violation(self, text):
        self.violations.append(f"{self.name}, round {self.rounds}: {text}")
        print(f"VIOLATION {self.violations[-1]}", flush=True)

    def start(self, extra=None, **more):
        return self.server.start({**self.environment, **(extra or {})}, **more)

    def begin_load(self):
        self.load = subprocess.Popen(
            [self.options.acmeload, "-mode", "chaos", "-directory", f"https://127.0.0.1:{HTTPS}/acme/default/directory",
             "-ca-file", os.path.join(self.server.data, "root.pem"), "-http01-addr", f"127.0.0.1:{HTTP01}",
             "-dns-chall-srv", f"http://127.0.0.1:{DNS_CONTROL}", "-journal", self.journal.path, "-ignore-retry-after",
             "-poll-interval", "5ms", "-max-poll-wait", "40ms", "-timeout", "30s", "-accounts", str(self.options.clients),
             "-concurrency", str(self.options.clients), "-duration", "24h", "-allow-errors", "-json"],
            stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.folder, "load.json"), "wb"),
            stderr=open(os.path.join(self.folder, "load.err"), "ab"))
        self.progress(1)

    def progress(self, certificates, seconds=60):
        """Waits until that many more certificates are issued."""
        goal = self.journal.count("certificate") + certificates

        def issued():
            if self.load.poll() is not None:
                raise Trouble(f"the load ended with {self.load.returncode}")
            return self.journal.count("certificate") >= goal
        wait(f"{certificates} more certificates", seconds, issued)

    def random_moment(self, longest=1.0):
        self.progress(1)
        time.sleep(random.uniform(0, longest))

    def check(self):
        """Compares the witnesses with the store now, beside the load."""
        found, self.counts = check(self.database, self.journal.path, self.witness)
        for text in found:
            if not any(known.endswith(text) for known in self.violations):
                self.violation(text)

    def finish(self):
        """Ends the load, lets the server come to rest, and compares everything."""
        if not self.server.running:
            self.start()
        self.load.send_signal(signal.SIGTERM)
        try:
            self.load.wait(90)
        except subprocess.TimeoutExpired:
            self.load.kill()
            self.violation("the load did not come to an end")
        store = Store(self.database)
        try:
            wait("intents to be finished", 90, lambda: store.rows("SELECT COUNT(*) FROM intents") == [["0"]], 0.25)
        except Trouble as trouble:
            self.violation(str(trouble))
        crl = os.path.join(self.folder, "crl")
        missing = "not fetched"
        for _ in range(240):
            missing = self.fetch_list(store, crl)
            if not missing:
                break
            time.sleep(0.25)
        found, self.counts = check(self.database, self.journal.path, self.witness, crl, settled=True)
        for text in found:
            if not any(known.endswith(text) for known in self.violations):
                self.violation(text)
        self.server.end(signal.SIGTERM)
        return self

    def fetch_list(self, store, path):
        """Why the published list is not yet complete; None when it is."""
        issuer = store.rows("SELECT id FROM issuers ORDER BY created DESC LIMIT 1")[0][0]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/crl/{issuer}.crl", timeout=5) as answer:
                der = answer.read()
        except OSError as error:
            return str(error)
        with open(path, "wb") as file:
            file.write(der)
        from check import listed
        stored = {row[0].lstrip("0") for row in store.rows(f"SELECT {store.hex('serial')} FROM revocations")}
        return None if stored <= listed(der) else "incomplete"

    def row(self):
        orders = self.journal.count("certificate")
        rate = orders / self.server.uptime if self.server.uptime else 0
        slowest = max(self.server.recoveries, default=0)
        return [self.engine.name, self.name, self.rounds, orders, f"{rate:.0f}", len(self.violations), f"{slowest:.2f}"]


def unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
