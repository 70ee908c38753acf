"""The tables of script/bench, from the reports in the working folder: compare.py REPEATS SERVERS LEVELS."""
import json
import statistics
import sys

repeats, servers, levels = int(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split()
ours = [server for server in servers if server != "pebble"]
sign, verify = (1000 / float(rate) for rate in open("speed").read().split())
bare = 8 * verify + sign


def report(name):
    try:
        found = json.load(open(name + ".json"))
        return found if found["completed"] else None
    except (OSError, ValueError):
        return None


def median(server, clients, pick):
    values = [pick(found) for n in range(1, repeats + 1) if (found := report(f"{server}-{clients}-{n}"))]
    return statistics.median(values) if values else float("nan")


def command_cpu(found, command):
    """Milliseconds per order of the processes of one name."""
    used = sum(spent for name, spent in found["server"]["cpu_seconds_by_command"].items() if (name == "postgres") == (command == "postgres"))
    return 1000 * used / found["completed"]


def rate(found): return found["completed"] / found["last_completion_seconds"]
def middle(found): return found["flow"]["p50_ms"]
def slowest(found): return found["flow"]["p99_ms"]
def server_cpu(found): return command_cpu(found, "server")
def database_cpu(found): return command_cpu(found, "postgres")


def table(head, columns, rows):
    print(f"\n{head:44}" + "".join(f"{column:>12}" for column in columns))
    for name, values in rows:
        print(f"{name:44}" + "".join(f"{value:12.2f}" for value in values))


print(f"machine: {open('machine').read().strip()}")
print(f"openssl speed ecdsap256 in this run: sign {sign * 1000:.1f} us, verify {verify * 1000:.1f} us;"
      f" 8 verifications and 1 signature are {bare:.2f} ms")
rows = []
for clients in levels:
    rows.append((f"{clients} clients: CPU over bare cryptography", [median(s, clients, server_cpu) / bare for s in servers]))
    if "pebble" in servers:
        for name, pick in [("CPU", server_cpu), ("p99", slowest), ("orders/s", rate)]:
            theirs = median("pebble", clients, pick)
            rows.append((f"{clients} clients: {name} over Pebble's", [median(s, clients, pick) / theirs for s in servers]))
table("ratios", servers, rows)
rows = []
for clients in levels:
    for name, pick in [("orders/s", rate), ("p50 ms", middle), ("p99 ms", slowest), ("server CPU ms per order", server_cpu),
                       ("PostgreSQL CPU ms per order", database_cpu), ("peak memory MiB", lambda f: f["server"]["peak_rss_mib"]),
                       ("failed flows", lambda f: f["failed"])]:
        if pick is not database_cpu or "postgres" in servers:
            rows.append((f"{clients} clients: {name}", [median(s, clients, pick) for s in servers]))
table("figures", servers, rows)
rows = []
for mode in ["nonce", "newaccount", "neworder", "certificate", "crl"]:
    found = [report(f"{server}-{mode}") for server in servers]
    if any(found):
        for name, pick in [("a second", rate), ("p99 ms", slowest), ("server CPU ms", server_cpu)]:
            rows.append((f"{mode}: {name}", [pick(one) if one else float("nan") for one in found]))
if rows:
    table("single operations, 8 clients", servers, rows)
