#!/usr/bin/env python3
"""Fills an authority's database with synthetic rows, for measuring what size costs.

    rows.py --certificates N (--sqlite FILE | --postgres URL)

The database must have been made by `chanceryd serve`, which must not run. Every row is marked: names end in .synthetic.invalid, and what
stands for a certificate's DER begins with SYNTHETIC and is signed by nobody. Per N certificates, spread over the last 400 days: N/100
accounts, N/10 revocations, N/20 living orders with their authorizations, N/50 that expired and wait to be swept.
"""
import argparse
import itertools
import os
import random
import sqlite3
import subprocess
import sys
import time

DAY = 86_400_000_000
NOW = int(time.time() * 1e6)
JWK = ('{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",'
       '"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}')
TABLES = {
    "accounts": "id thumbprint jwk status contacts terms created",
    "certificates": "id order_id account issuer serial der key_hash identifiers not_before not_after created",
    "certificate_names": "name certificate",
    "revocations": "certificate issuer serial revoked reason not_after listed_until",
    "orders": "id account status identifiers authorizations not_before not_after created expires error certificate",
    "authorizations": "id account kind name wildcard status expires token challenges version",
}
choice = random.Random(1)


def identifier(at):
    return at.to_bytes(8, "big") + os.urandom(8)


def certificates(count, issuer, accounts):
    """Rows for four tables at once: (table, row)."""
    first, step = NOW - 400 * DAY, 400 * DAY // (count + 1)
    body = b"SYNTHETIC certificate, signed by nobody. " + os.urandom(740)
    for number in range(count):
        made = first + number * step
        name, key, serial = f"c{number}.synthetic.invalid", identifier(made), os.urandom(16)
        end = made + 398 * DAY
        yield "certificates", (key, None, choice.choice(accounts), issuer, serial, body, os.urandom(32), "dns:" + name,
                               made, end, made)
        yield "certificate_names", (name, key)
        if number % 10 == 0:
            revoked = made + DAY
            yield "revocations", (key, issuer, serial, revoked, choice.choice([None, 1, 4, 5]), end, max(end, revoked))


def orders(count, begin, lasting, status, accounts):
    """One name each; made over five days from `begin` on."""
    for number in range(count):
        made = begin + number * 5 * DAY // max(count, 1)
        key, proof, account = identifier(made), identifier(made), choice.choice(accounts)
        name, ends = f"o{number}.synthetic.invalid", made + lasting
        challenges = "\n".join(f"{kind} {status} 0 -" for kind in ("http-01", "dns-01", "tls-alpn-01"))
        yield "orders", (key, account, "pending", "dns:" + name, proof, None, None, made, ends, None, None)
        yield "authorizations", (proof, account, "dns", name, 0, "pending", ends, "synthetic" + os.urandom(16).hex(), challenges, 0)


def rows(count, issuer):
    accounts = []
    for number in range(max(count // 100, 10)):
        made = NOW - 400 * DAY + number
        accounts.append(identifier(made))
        yield "accounts", (accounts[-1], "SYNTHETIC" + os.urandom(17).hex(), JWK, "valid", "[]", None, made)
    yield from certificates(count, issuer, accounts)
    yield from orders(count // 50, NOW - 30 * DAY, 7 * DAY, "pending", accounts)
    yield from orders(count // 20, NOW - 6 * DAY, 7 * DAY, "pending", accounts)


def batches(source, size):
    source = iter(source)
    while batch := list(itertools.islice(source, size)):
        by_table = {}
        for table, row in batch:
            by_table.setdefault(table, []).append(row)
        yield by_table


def fill_sqlite(path, count):
    database = sqlite3.connect(path)
    database.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;")
    issuer = database.execute("SELECT id FROM issuers ORDER BY created DESC LIMIT 1").fetchone()[0]
    for batch in batches(rows(count, issuer), 200_000):
        for table, values in batch.items():
            names = TABLES[table].split()
            marks = ", ".join("?" * len(names))
            database.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)
        database.commit()
    database.execute("INSERT INTO revocation_counts (issuer, number) SELECT issuer, COUNT(*) FROM revocations GROUP BY issuer"
                     " ON CONFLICT (issuer) DO UPDATE SET number = excluded.number")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def literal(value):
    """A value in the text form of COPY."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def fill_postgres(url, count):
    def psql(command, data=None):
        return subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command], input=data, text=True,
                              check=True, stdout=subprocess.PIPE).stdout

    issuer = psql("SELECT id FROM issuers ORDER BY created DESC LIMIT 1").strip()
    for batch in batches(rows(count, issuer), 200_000):
        for table, values in batch.items():
            lines = "".join("\t".join(map(literal, row)) + "\n" for row in values)
            psql(f"COPY {table} ({', '.join(TABLES[table].split())}) FROM STDIN", lines)
    psql("INSERT INTO revocation_counts (issuer, number) SELECT issuer, COUNT(*) FROM revocations GROUP BY issuer"
         " ON CONFLICT (issuer) DO UPDATE SET number = excluded.number")
    psql("VACUUM ANALYZE")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificates", type=int, required=True)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--sqlite")
    place.add_argument("--postgres")
    wanted = parser.parse_args()
    if wanted.sqlite:
        fill_sqlite(wanted.sqlite, wanted.certificates)
    else:
        fill_postgres(wanted.postgres, wanted.certificates)


if __name__ == "__main__":
    sys.exit(main())
