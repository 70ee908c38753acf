#!/usr/bin/env python3
"""Real handshakes with a TLS server all the time, each certificate verified.

tls_load.py PORT ROOTS THREADS PAUSE NAME...   until SIGTERM; then one line of JSON: how many, what failed, how many serials were seen.
"""
import json, random, signal, socket, ssl, sys, threading, time

port, roots, threads, pause = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
names = sys.argv[5:]
over = threading.Event()
lock = threading.Lock()
done, failures, serials, slowest = 0, [], set(), 0.0


def work(seed):
    global done, slowest
    chance = random.Random(seed)
    context = ssl.create_default_context(cafile=roots)
    while not over.is_set():
        name = chance.choice(names)
        began = time.monotonic()
        serial, failure = None, None
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
                with context.wrap_socket(plain, server_hostname=name) as secure:
                    serial = secure.getpeercert()["serialNumber"]
                    secure.sendall(b"GET / HTTP/1.0\r\nHost: " + name.encode() + b"\r\n\r\n")
                    answer = b""
                    while part := secure.recv(65536):
                        answer += part
                    if not answer.startswith(b"HTTP/1.1 200"):
                        failure = f"{name}: {answer[:60]!r}"
        except Exception as error:
            failure = f"{name}: {error!r}"
        with lock:
            done += 1
            slowest = max(slowest, time.monotonic() - began)
            if serial:
                serials.add(serial)
            if failure:
                failures.append(failure)
        over.wait(pause)


signal.signal(signal.SIGTERM, lambda *_: over.set())
workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
for worker in workers:
    worker.start()
print("working", flush=True)
while not over.is_set():
    over.wait(3600)
for worker in workers:
    worker.join()
print(json.dumps({"handshakes": done, "failed": len(failures), "failures": failures[:20], "serials": len(serials), "slowest": round(slowest, 3)}), flush=True)
