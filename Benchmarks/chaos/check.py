#!/usr/bin/env python3
"""Compares what an authority stores with what independent witnesses saw.

  check.py --database DIR/chancery.sqlite|postgres://… --journal FILE [--witness FILE] [--crl FILE] [--settled]

Witnesses: the journal of a load's clients (acmeload -journal), the file to which the signer of a debug build adds a line
before it gives a signature out, and the published revocation list. Prints one line for each violation; ends with 1 if
there is any. With --settled also that nothing was left half-way. It only reads, also beside a running server.
"""
import argparse, base64, hashlib, json, os, sqlite3, subprocess, sys


class Store:
    """Read-only queries on either engine; every column comes back as text, bytes in upper-case hexadecimal."""

    def __init__(self, database):
        self.postgres = database.startswith(("postgres:", "postgresql:"))
        self.database = database
        if not self.postgres:
            self.sqlite = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)

    def hex(self, column):
        return f"upper(encode({column}, 'hex'))" if self.postgres else f"hex({column})"

    def rows(self, sql):
        if not self.postgres:
            return [[None if v is None else str(v) for v in row] for row in self.sqlite.execute(sql)]
        run = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-P", "null=\\N", "-d", self.database, "-c", sql],
                             capture_output=True, text=True, timeout=300)
        if run.returncode:
            raise RuntimeError(f"psql: {run.stderr.strip()}")
        return [[None if v == "\\N" else v for v in line.split("\t")] for line in run.stdout.splitlines()]


def octets(text):
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def record(url):
    """The identifier at the end of an object's URL, as the store's hexadecimal."""
    return octets(url.rsplit("/", 1)[1]).hex().upper()


def element(der, at=0):
    """Tag, start of contents and end of the DER element at `at`."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start:start + count], "big"), start + count
    return der[at], start, start + length


def children(der, start, end):
    while start < end:
        tag, inner, after = element(der, start)
        yield tag, start, inner, after
        start = after


def to_be_signed(der):
    _, inner, _ = element(der)
    return der[inner:element(der, inner)[2]]


def serial(der):
    """Of a certificate; without leading zeros."""
    tbs = to_be_signed(der)
    _, inner, end = element(tbs)
    for tag, _, start, after in children(tbs, inner, end):
        if tag == 0x02:
            return tbs[start:after].hex().upper().lstrip("0")
    raise ValueError("a certificate without a serial number")


def listed(der):
    """The serial numbers on a revocation list: the one SEQUENCE whose first member is a SEQUENCE that begins with an INTEGER."""
    tbs = to_be_signed(der)
    _, inner, end = element(tbs)
    for tag, _, start, after in children(tbs, inner, end):
        entries = list(children(tbs, start, after)) if tag == 0x30 else []
        if entries and all(e[0] == 0x30 and tbs[e[2]] == 0x02 for e in entries):
            return {tbs[s:e].hex().upper().lstrip("0") for (_, s, e) in (element(tbs, entry[2]) for entry in entries)}
    return set()


def read_journal(path):
    with open(path, encoding="utf-8") as file:
        # The last line may be in the making.
        return [json.loads(line) for line in file if line.endswith("\n")]


def check(database, journal, witness=None, crl=None, settled=False):
    """One sentence for each violation. Witnesses are read before the store, which may be ahead of them and never behind."""
    told = read_journal(journal) if journal else []
    signed = []
    if witness and os.path.exists(witness):
        with open(witness) as file:
            signed = [line.split() for line in file if line.endswith("\n")]
    published = listed(open(crl, "rb").read()) if crl else None
    store = Store(database)
    h = store.hex
    found = [line["what"] for line in told if line["k"] == "violation"]

    certificates, serials, by_order, digests = {}, {}, {}, set()
    for id, order, issuer, number, der in store.rows(
            f"SELECT {h('id')}, {h('order_id')}, issuer, {h('serial')}, {h('der')} FROM certificates"):
        der = bytes.fromhex(der)
        certificates[id] = der
        digests.add(hashlib.sha256(to_be_signed(der)).hexdigest())
        key = (issuer, number.lstrip("0"))
        if serials.setdefault(key, id) != id:
            found.append(f"serial {number} twice")
        if serial(der) != key[1]:
            found.append(f"certificate {id} bears another serial than its row")
        if order and by_order.setdefault(order, id) != id:
            found.append(f"order {order} has two certificates")
    waiting = store.rows(f"SELECT {h('id')}, issuer, {h('serial')}, {h('to_be_signed')}, 'i' FROM intents UNION ALL "
                         f"SELECT {h('id')}, issuer, {h('serial')}, {h('to_be_signed')}, 'v' FROM voided_intents")
    for id, issuer, number, tbs, _ in waiting:
        digests.add(hashlib.sha256(bytes.fromhex(tbs)).hexdigest())
        if serials.setdefault((issuer, number.lstrip("0")), id) != id:
            found.append(f"serial {number} of an intent is another certificate's")
    for kind, digest in signed:
        if kind == "certificate" and digest not in digests:
            found.append(f"a signature over {digest} without an intent")

    orders, owners = {}, {}
    for id, status, certificate in store.rows(f"SELECT {h('id')}, status, {h('certificate')} FROM orders"):
        orders[id] = (status, certificate)
        if status == "valid":
            if certificate not in certificates:
                found.append(f"order {id} is valid without a certificate")
            elif by_order.get(id) != certificate:
                found.append(f"order {id} has the certificate of another")
            if owners.setdefault(certificate, id) != id:
                found.append(f"certificate {certificate} serves two orders")
        elif id in by_order and status != "invalid":
            found.append(f"order {id} is {status} though its certificate is stored")
    revoked = {row[0] for row in store.rows(f"SELECT {h('certificate')} FROM revocations")}
    revoked_serials = {serial(certificates[id]) for id in revoked if id in certificates}
    accounts = {row[0]: row[1] for row in store.rows(f"SELECT {h('id')}, thumbprint FROM accounts")}
    authorizations = {row[0]: row[1] for row in store.rows(f"SELECT {h('id')}, status FROM authorizations")}
    numbers = [int(row[0]) for row in store.rows("SELECT number FROM crls")]
    if not store.postgres:
        found += [f"integrity: {row[0]}" for row in store.rows("PRAGMA integrity_check") if row[0] != "ok"]

    ids = {der: id for id, der in certificates.items()}
    keys, latest = {}, 0
    for line in told:
        kind = line["k"]
        if kind == "account":
            keys[line["url"]] = {line["key"]}
        elif kind == "key":
            keys[line["url"]] = {line["key"]}
        elif kind == "key-try":
            keys.setdefault(line["url"], set()).add(line["key"])
        elif kind == "order" and record(line["url"]) not in orders:
            found.append(f"order {line['url']} is lost")
        elif kind == "authorization" and authorizations.get(record(line["url"])) != "valid":
            found.append(f"authorization {line['url']} was valid and is {authorizations.get(record(line['url']))}")
        elif kind == "valid" and orders.get(record(line["url"])) != ("valid", record(line["certificate"])):
            found.append(f"order {line['url']} was valid and is {orders.get(record(line['url']))}")
        elif kind == "certificate" and certificates.get(record(line["url"])) != octets(line["der"]):
            found.append(f"certificate {line['url']} is lost or another")
        elif kind == "revoked":
            der = octets(line["der"])
            if ids.get(der) not in revoked:
                found.append(f"the revocation of {serial(der)} is lost")
            elif settled and published is not None and serial(der) not in published:
                found.append(f"{serial(der)} is not on the revocation list")
        elif kind == "list":
            if int(line["number"]) <= latest:
                found.append(f"revocation list {line['number']} came after {latest}")
            latest = int(line["number"])
    # What was tried meanwhile may have come to pass.
    for line in read_journal(journal) if journal else []:
        if line["k"] in ("key-try", "key") and line["url"] in keys:
            keys[line["url"]].add(line["key"])
    for url, possible in keys.items():
        if accounts.get(record(url)) not in possible:
            found.append(f"account {url} is lost or has another key")
    if latest and latest > max(numbers, default=0):
        found.append(f"revocation list {latest} was published and {max(numbers, default=0)} is stored")
    if published is not None and not published <= revoked_serials:
        found.append("the revocation list names what is not revoked")
    if settled:
        found += [f"intent {row[0]} was left behind" for row in waiting if row[4] == "i"]
        found += [f"order {id} was left processing" for id, (status, _) in orders.items() if status == "processing"]
        if published is not None and not revoked_serials <= published:
            found.append(f"{len(revoked_serials - published)} revoked certificates are not on the list")
    return found, {"orders": len(orders), "certificates": len(certificates), "revocations": len(revoked),
                   "accounts": len(accounts), "signatures": len(signed)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--database", required=True)
    options.add_argument("--journal")
    options.add_argument("--witness")
    options.add_argument("--crl", help="DER")
    options.add_argument("--settled", action="store_true")
    o = options.parse_args()
    found, counts = check(o.database, o.journal, o.witness, o.crl, o.settled)
    print("checked " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    for violation in found[:100]:
        print(f"VIOLATION {violation}")
    if len(found) > 100:
        print(f"and {len(found) - 100} more")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
