"""RFC 8555 in its corners, asked with josepy, cryptography and requests: libraries that Chancery shares nothing with.

corner_cases.py DIRECTORY ROOT HTTP01_PORT TLS_PORT CASE...   (no CASE: all; --list names them)
Names under e2e.test lead to 127.0.0.1, v6only.e2e.test to ::1 alone. Prints one line per case; ends with 1 if one failed.
"""

import base64, datetime, hashlib, http.server, json, socket, ssl, sys, tempfile, threading, time, traceback

import josepy
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

ERROR = "urn:ietf:params:acme:error:"
DIRECTORY, ROOT, HTTP01_PORT, TLS_PORT = (sys.argv[1:5] + [""] * 4)[:4]
CASES = []


def case(function):
    CASES.append(function)
    return function


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An account key: JWK, thumbprint and signature by josepy, Ed25519 by cryptography."""

    def __init__(self, alg="ES256"):
        self.alg = alg
        if alg == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            public = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(public)}
            self.sign = self.private.sign
            self.thumbprint = b64(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())
            return
        if alg == "RS256":
            self.private = rsa.generate_private_key(65537, 2048)
            key = josepy.JWKRSA(key=self.private)
        else:
            curve = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}[alg]
            self.private = ec.generate_private_key(curve())
            key = josepy.JWKEC(key=self.private)
        algorithm = getattr(josepy, alg)
        self.jwk = key.public_key().to_json()
        self.sign = lambda data: algorithm.sign(key.key, data)
        self.thumbprint = b64(key.thumbprint())


class Refused(Exception):
    def __init__(self, answer):
        self.status, self.answer = answer.status_code, answer
        self.problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        self.type = self.problem.get("type", "").removeprefix(ERROR)
        super().__init__(f"{self.status} {self.type}: {self.problem.get('detail')}")


class Client:
    def __init__(self, key=None):
        self.key = key or Key()
        self.web = requests.Session()
        self.web.verify, self.web.trust_env = ROOT, False
        self.directory = self.web.get(DIRECTORY).json()
        self.nonces, self.url = [], None

    def nonce(self):
        return self.nonces.pop() if self.nonces else self.web.head(self.directory["newNonce"]).headers["Replay-Nonce"]

    def jws(self, url, payload, key=None, kid="own", nonce=None, **more):
        key = key or self.key
        header = {"alg": key.alg, "url": url}
        if nonce is not False:
            header["nonce"] = nonce or self.nonce()
        kid = self.url if kid == "own" else kid
        header |= {"kid": kid} if kid else {"jwk": key.jwk}
        header |= more
        protected = b64(json.dumps(header).encode())
        body = "" if payload is None else b64(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
        return {"protected": protected, "payload": body, "signature": b64(key.sign(f"{protected}.{body}".encode()))}

    def send(self, url, body, **headers):
        answer = self.web.post(url, data=json.dumps(body), headers={"Content-Type": "application/jose+json"} | headers)
        assert "Replay-Nonce" in answer.headers, "no nonce in the answer to a POST"
        self.nonces.append(answer.headers["Replay-Nonce"])
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers
            refused = Refused(answer)
            assert refused.problem["status"] == answer.status_code, refused.problem
            assert refused.problem["type"].startswith(ERROR) and refused.problem["detail"], refused.problem
            raise refused
        return answer

    def post(self, url, payload=None, **more):
        return self.send(url, self.jws(url, payload, **more))

    def register(self, **members):
        answer = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True} | members, kid=None)
        self.url = answer.headers["Location"]
        return answer

    def order(self, *names, **members):
        wanted = {"identifiers": [{"type": "dns", "value": name} for name in names]} | members
        answer = self.post(self.directory["newOrder"], wanted)
        assert answer.status_code == 201
        return answer.headers["Location"], answer.json()

    def prove(self, order):
        for url in order["authorizations"]:
            authorization = self.post(url).json()
            if authorization["status"] == "valid":
                continue
            challenge = next(c for c in authorization["challenges"] if c["type"] == "http-01")
            Responder.answers[challenge["token"]] = f"{challenge['token']}.{self.key.thumbprint}"
            self.post(challenge["url"], {})
        for url in order["authorizations"]:
            authorization = self.settled(url)
            assert authorization["status"] == "valid", authorization

    def settled(self, url):
        for _ in range(600):
            answer = self.post(url)
            thing = answer.json()
            if thing["status"] not in ("pending", "processing"):
                return thing
            time.sleep(0.1)
        raise AssertionError(f"never settled: {thing}")

    def finalize(self, url, order, csr):
        done = self.post(order["finalize"], {"csr": b64(csr)}).json()
        if done["status"] == "processing":
            done = self.settled(url)
        assert done["status"] == "valid", done
        return done

    def issue(self, *names, key=None, **members):
        url, order = self.order(*names, **members)
        self.prove(order)
        done = self.finalize(url, order, csr(names, key))
        answer = self.post(done["certificate"])
        return done, x509.load_pem_x509_certificates(answer.content)


def refuses(status, kind, action):
    try:
        answer = action()
    except Refused as refused:
        assert (refused.status, refused.type) == (status, kind), f"wanted {status} {kind}, got {refused}"
        return refused
    raise AssertionError(f"wanted {status} {kind}, got {answer}")


def csr(names, key=None, common=None, extra=()):
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


class Responder(http.server.BaseHTTPRequestHandler):
    """Serves key authorizations; what `redirects` holds for a host is answered by 302 to that URL with the same path."""

    answers, redirects, seen = {}, {}, []
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        host = self.headers["Host"].rsplit(":", 1)[0]
        Responder.seen.append((self.server.name, self.headers["Host"], self.path))
        if self.server.name == "http" and host in self.redirects:
            self.send_response(302)
            self.send_header("Location", self.redirects[host] + self.path)
            self.end_headers()
            return
        text = self.answers.get(self.path.rsplit("/", 1)[-1])
        self.send_response(200 if text else 404)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, name, family, host, port, context=None):
        self.name, self.address_family = name, family
        super().__init__((host, port), Responder)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


def self_signed():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context


def names_of(certificate):
    return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName))


@case
def every_account_algorithm_issues():
    for alg in ["ES256", "ES384", "ES512", "RS256", "EdDSA"]:
        client = Client(Key(alg))
        client.register()
        _, chain = client.issue(f"{alg.lower()}.e2e.test")
        assert names_of(chain[0]) == {f"{alg.lower()}.e2e.test"}


@case
def every_certificate_key_is_certified():
    client = Client()
    client.register()
    keys = {
        "p256": ec.generate_private_key(ec.SECP256R1()), "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()), "rsa": rsa.generate_private_key(65537, 2048),
        "rsa3072": rsa.generate_private_key(65537, 3072), "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    for name, key in keys.items():
        _, chain = client.issue(f"{name}-key.e2e.test", key=key)
        leaf = chain[0]
        assert leaf.public_key() == key.public_key(), name
        leaf.verify_directly_issued_by(chain[1])
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature and usage.key_encipherment == name.startswith("rsa"), name


@case
def every_resource_answers_post_as_get_and_refuses_get():
    client = Client()
    account = client.register(contact=["mailto:corner@example.org"])
    done, _ = client.issue("pag.e2e.test")
    orders = account.json()["orders"]
    order = client.post(orders).json()["orders"][0]
    authorization = done["authorizations"][0]
    challenge = client.post(authorization).json()["challenges"][0]["url"]
    index = f'<{DIRECTORY}>;rel="index"'
    for url in [client.url, orders, order, authorization, challenge, done["certificate"]]:
        first, second = client.post(url), client.post(url)
        assert first.content == second.content and first.status_code == 200, url
        assert index in first.headers["Link"], url
        for method in ["GET", "HEAD", "PUT", "DELETE"]:
            answer = client.web.request(method, url)
            assert answer.status_code == 405 and "POST" in answer.headers["Allow"], (method, url, answer)
    assert f'<{authorization}>;rel="up"' in client.post(challenge).headers["Link"]
    for url in [client.directory["newNonce"], DIRECTORY]:
        assert client.post(url).status_code in (200, 204)


@case
def another_account_sees_nothing():
    owner, stranger = Client(), Client()
    account = owner.register()
    stranger.register()
    url, order = owner.order("private.e2e.test")
    challenge = owner.post(order["authorizations"][0]).json()["challenges"][0]["url"]
    missing = url[:-4] + "AAAA"
    bodies = set()
    for resource in [url, order["authorizations"][0], challenge, owner.url, account.json()["orders"], missing]:
        bodies.add(refuses(403, "unauthorized", lambda: stranger.post(resource)).type)
    refuses(403, "unauthorized", lambda: stranger.post(challenge, {}))
    refuses(403, "unauthorized", lambda: stranger.post(order["authorizations"][0], {"status": "deactivated"}))
    refuses(403, "unauthorized", lambda: stranger.post(order["finalize"], {"csr": b64(csr(["private.e2e.test"]))}))
    refuses(403, "unauthorized", lambda: stranger.post(owner.url, {"status": "deactivated"}))
    assert owner.post(url).json()["status"] == "pending"


@case
def nonces_are_accepted_once():
    client = Client()
    client.register()
    nonce = client.nonce()
    client.post(client.url, nonce=nonce)
    refuses(400, "badNonce", lambda: client.post(client.url, nonce=nonce))
    refuses(400, "badNonce", lambda: client.post(client.url, nonce="AAAAAAAAAAAAAAAAAAAAAA"))
    refuses(400, "badNonce", lambda: client.post(client.url, nonce=False))
    for nonce in ["a+b/", "abc=", 7, ""]:
        body = client.jws(client.url, None, nonce=False, nonce_=0) if nonce == "" else client.jws(client.url, None, nonce=nonce)
        kind = "badNonce" if nonce == "" else "malformed"
        refuses(400, kind, lambda: client.send(client.url, body))
    client.post(client.url)


@case
def a_key_change_works_and_each_broken_one_is_refused():
    client, other = Client(), Client()
    client.register()
    other.register()
    url, order = client.order("rollover.e2e.test")
    to, target = Key("ES384"), client.directory["keyChange"]

    def inner(key=to, old=client.key.jwk, account=client.url, at=target, signer=None, **more):
        header = {"alg": key.alg, "jwk": key.jwk, "url": at} | more
        protected, payload = b64(json.dumps(header).encode()), b64(json.dumps({"account": account, "oldKey": old}).encode())
        return {"protected": protected, "payload": payload, "signature": b64((signer or key).sign(f"{protected}.{payload}".encode()))}

    bad = {
        "url": inner(at=client.url), "account": inner(account=other.url), "old key": inner(old=other.key.jwk),
        "nonce": inner(nonce=client.nonce()), "signer": inner(signer=Key("ES384")), "no account": {"a": 1},
        "kid": inner(kid=client.url),
    }
    for what, message in bad.items():
        refuses(400, "malformed", lambda: client.post(target, message))
    taken = refuses(409, "malformed", lambda: client.post(target, inner(key=other.key)))
    assert taken.answer.headers["Location"] == other.url
    own = refuses(409, "malformed", lambda: client.post(target, inner(key=client.key)))
    assert own.answer.headers["Location"] == client.url
    small = Key("RS256")
    small.private = rsa.generate_private_key(65537, 1024)
    key = josepy.JWKRSA(key=small.private)
    small.jwk, small.sign = key.public_key().to_json(), lambda data: josepy.RS256.sign(key.key, data)
    refuses(400, "badPublicKey", lambda: client.post(target, inner(key=small)))

    old = client.key
    assert client.post(target, inner()).status_code == 200
    refuses(400, "malformed", lambda: client.post(client.url))
    client.key = to
    client.prove(order)
    client.finalize(url, order, csr(["rollover.e2e.test"]))
    fresh = Client(old)
    refuses(400, "accountDoesNotExist", lambda: fresh.register(onlyReturnExisting=True))
    again = Client(to)
    assert again.register().status_code == 200 and again.url == client.url


@case
def a_deactivated_account_is_over():
    client, watcher = Client(), Client()
    client.register()
    watcher.register()
    done, chain = client.issue("leaving.e2e.test")
    url, order = client.order("unfinished.e2e.test")
    assert client.post(client.url, {"status": "deactivated"}).json()["status"] == "deactivated"
    for resource in [client.url, url, done["certificate"]]:
        gone = refuses(401, "unauthorized", lambda: client.post(resource))
        assert "WWW-Authenticate" in gone.answer.headers
    refuses(401, "unauthorized", lambda: client.order("again.e2e.test"))
    refuses(401, "unauthorized", lambda: client.post(client.url, {"status": "valid"}))
    refuses(401, "unauthorized", client.register)
    der = b64(chain[0].public_bytes(serialization.Encoding.DER))
    refuses(401, "unauthorized", lambda: client.post(client.directory["revokeCert"], {"certificate": der}))


@case
def orders_are_listed_page_by_page():
    client = Client()
    orders = client.register().json()["orders"]
    made = {client.order(f"page{number}.e2e.test")[0] for number in range(120)}
    seen, url, pages = [], orders, 0
    while url:
        answer = client.post(url)
        seen += answer.json()["orders"]
        url, pages = answer.links.get("next", {}).get("url"), pages + 1
    assert pages >= 2 and len(seen) == len(set(seen)) and set(seen) == made, (pages, len(seen))
    refuses(404, "malformed", lambda: client.post(orders + "?cursor=nonsense"))


@case
def who_may_revoke_does_and_nobody_else():
    owner, proved, half, stranger = Client(), Client(), Client(), Client()
    for client in [owner, proved, half, stranger]:
        client.register()
    names, target = ["r1.e2e.test", "r2.e2e.test"], owner.directory["revokeCert"]

    def der():
        key = ec.generate_private_key(ec.SECP256R1())
        return key, b64(owner.issue(*names, key=key)[1][0].public_bytes(serialization.Encoding.DER))

    proved.prove(proved.order(*names)[1])
    half.prove(half.order(names[0])[1])
    key, certificate = der()
    for client in [half, stranger]:
        refuses(403, "unauthorized", lambda: client.post(target, {"certificate": certificate}))
    for reason in [2, 6, 7, 8, 9, 10, -1, "1", 1.5, True]:
        refuses(400, "badRevocationReason", lambda: owner.post(target, {"certificate": certificate, "reason": reason}))
    refuses(403, "unauthorized", lambda: owner.post(target, {"certificate": certificate}, key=Key(), kid=None))
    assert proved.post(target, {"certificate": certificate, "reason": 4}).content == b""
    refuses(400, "alreadyRevoked", lambda: owner.post(target, {"certificate": certificate}))

    key, certificate = der()
    signer = Key()
    wrapped = josepy.JWKEC(key=key)
    signer.private, signer.jwk, signer.sign = key, wrapped.public_key().to_json(), lambda data: josepy.ES256.sign(key, data)
    nobody = Client(signer)
    nobody.post(target, {"certificate": certificate, "reason": 1}, kid=None)
    refuses(400, "alreadyRevoked", lambda: nobody.post(target, {"certificate": certificate, "reason": 1}, kid=None))
    # Reason 1 bars the key from accounts and from certificates.
    refuses(400, "badPublicKey", nobody.register)
    url, order = owner.order(*names)
    owner.prove(order)
    refuses(400, "badCSR", lambda: owner.post(order["finalize"], {"csr": b64(csr(names, key))}))

    foreign = self_issued()
    refuses(404, "malformed", lambda: owner.post(target, {"certificate": b64(foreign)}))
    refuses(400, "malformed", lambda: owner.post(target, {"certificate": b64(b"not a certificate")}))
    refuses(400, "malformed", lambda: owner.post(target, {"certificate": certificate + "="}))
    refuses(400, "malformed", lambda: owner.post(target, {}))


def self_issued():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "foreign")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(5)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


@case
def a_wildcard_and_its_base_have_two_authorizations():
    client = Client()
    client.register()
    _, order = client.order("both.e2e.test", "*.both.e2e.test")
    found = [client.post(url).json() for url in order["authorizations"]]
    assert len(found) == 2 and all(a["identifier"]["value"] == "both.e2e.test" for a in found)
    wild = [a for a in found if a.get("wildcard")]
    assert len(wild) == 1 and [c["type"] for c in wild[0]["challenges"]] == ["dns-01"]
    assert all("wildcard" not in a for a in found if a not in wild)
    for name in ["*.*.e2e.test", "a.*.e2e.test", "*", "*."]:
        refuses(400, "malformed", lambda: client.order(name))


@case
def names_are_judged_and_folded():
    client = Client()
    client.register()
    _, order = client.order("BÜCHER.e2e.test".encode("idna").decode().upper(), "MixedCase.e2e.test")
    assert [i["value"] for i in order["identifiers"]] == ["xn--bcher-kva.e2e.test", "mixedcase.e2e.test"], order
    done, chain = client.issue("xn--bcher-kva.e2e.test")
    assert names_of(chain[0]) == {"xn--bcher-kva.e2e.test"}
    for name in ["bücher.e2e.test", "xn--a.e2e.test", "xn--abc-.e2e.test", "xn--u-ccb.e2e.test", "127.0.0.1", "::1", "a..e2e.test",
                 "-a.e2e.test", "a_b.e2e.test", "a.e2e.test.", "", " ", "a" * 64 + ".test", "a." * 127 + "toolong", "1.2.3.4", "a\0b.test"]:
        refuses(400, "malformed", lambda: client.order(name))
    refuses(400, "unsupportedIdentifier",
            lambda: client.post(client.directory["newOrder"], {"identifiers": [{"type": "ip", "value": "127.0.0.1"}]}))
    refuses(400, "malformed", lambda: client.post(client.directory["newOrder"], {"identifiers": []}))
    several = refuses(400, "malformed", lambda: client.order("good.e2e.test", "b_d.e2e.test", "-.e2e.test"))
    assert [p["identifier"]["value"] for p in several.problem["subproblems"]] == ["b_d.e2e.test", "-.e2e.test"], several.problem


@case
def validity_is_as_the_order_asks():
    client = Client()
    client.register()
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    begin, end = now - datetime.timedelta(minutes=5), now + datetime.timedelta(days=7)
    asked = {"notBefore": begin.astimezone(datetime.timezone(datetime.timedelta(hours=2))).isoformat(), "notAfter": end.isoformat()}
    done, chain = client.issue("window.e2e.test", **asked)
    assert (chain[0].not_valid_before_utc, chain[0].not_valid_after_utc) == (begin, end), chain[0]
    assert datetime.datetime.fromisoformat(done["notBefore"].replace("Z", "+00:00")) == begin and done["notBefore"].endswith("Z")
    far = (now + datetime.timedelta(days=4000)).isoformat()
    for wish in [{"notAfter": far}, {"notAfter": begin.isoformat()}, {"notBefore": far}, {"notBefore": "yesterday"}, {"notAfter": 5},
                 {"notBefore": end.isoformat(), "notAfter": end.isoformat()}]:
        refuses(400, "malformed", lambda: client.order("window.e2e.test", **wish))


@case
def a_hundred_names_are_one_certificate():
    client = Client()
    client.register()
    names = [f"n{number}.e2e.test" for number in range(100)]
    _, chain = client.issue(*names)
    assert names_of(chain[0]) == set(names)
    refuses(400, "malformed", lambda: client.order(*names, "n100.e2e.test"))


@case
def a_request_that_does_not_fit_leaves_the_order_ready():
    client = Client()
    client.register()
    name, other = "fit.e2e.test", "misfit.e2e.test"
    url, order = client.order(name)
    early = refuses(403, "orderNotReady", lambda: client.post(order["finalize"], {"csr": b64(csr([name]))}))
    client.prove(order)
    broken = bytearray(csr([name]))
    broken[-1] ^= 1
    small = rsa.generate_private_key(65537, 1024)
    for what, request in {
        "one more": csr([name, other]), "another": csr([other]), "none": csr([]), "common name": csr([name], common=other),
        "signature": bytes(broken), "cut": csr([name])[:-5], "longer": csr([name]) + b"\0", "weak": csr([name], small),
        "account key": csr([name], client.key.private),
        "a CA": csr([name], extra=[x509.BasicConstraints(ca=True, path_length=None)]),
        "curve": csr([name], ec.generate_private_key(ec.SECP256K1())),
    }.items():
        refuses(400, "badCSR", lambda: client.post(order["finalize"], {"csr": b64(request)}))
        assert client.post(url).json()["status"] == "ready", what
    for payload in [{}, {"csr": 5}, {"csr": None}, []]:
        refuses(400, "malformed", lambda: client.post(order["finalize"], payload))
    refuses(400, "badCSR", lambda: client.post(order["finalize"], {"csr": b64(csr([name])) + "=="}))
    refuses(400, "malformed", lambda: client.post(order["finalize"]))
    key = ec.generate_private_key(ec.SECP256R1())
    request = csr([], key, common=name)
    done = client.finalize(url, order, request)
    chain = x509.load_pem_x509_certificates(client.post(done["certificate"]).content)
    assert names_of(chain[0]) == {name}
    again = client.post(order["finalize"], {"csr": b64(request)}).json()
    assert again["certificate"] == done["certificate"]
    refuses(403, "orderNotReady", lambda: client.post(order["finalize"], {"csr": b64(csr([name]))}))
    plain = client.send(done["certificate"], client.jws(done["certificate"], None), Accept="application/pkix-cert")
    assert plain.headers["Content-Type"] == "application/pkix-cert" and 'rel="up"' in plain.headers["Link"]
    assert plain.content == chain[0].public_bytes(serialization.Encoding.DER)


@case
def a_deactivated_authorization_ends_its_order():
    client = Client()
    client.register()
    url, order = client.order("dropped.e2e.test")
    client.prove(order)
    assert client.post(url).json()["status"] == "ready"
    authorization = order["authorizations"][0]
    for payload in [{"status": "valid"}, {"status": 1}, {}]:
        refuses(400, "malformed", lambda: client.post(authorization, payload))
    assert client.post(authorization, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert client.post(url).json()["status"] == "invalid"
    refuses(403, "orderNotReady", lambda: client.post(order["finalize"], {"csr": b64(csr(["dropped.e2e.test"]))}))


@case
def http01_follows_to_https_and_asks_ipv6():
    client = Client()
    client.register()
    Responder.redirects["away.e2e.test"] = f"https://target.e2e.test:{TLS_PORT}"
    client.issue("away.e2e.test")
    assert any(name == "https" and host.startswith("target.e2e.test") for name, host, _ in Responder.seen)
    client.issue("v6only.e2e.test")
    assert any(name == "http6" for name, _, _ in Responder.seen)


@case
def a_failed_challenge_is_told_briefly_and_query_by_query():
    client = Client()
    client.register()
    url, order = client.order("missing.e2e.test")
    challenges = client.post(order["authorizations"][0]).json()["challenges"]
    challenge = next(c for c in challenges if c["type"] == "http-01")
    before = len(Responder.seen)
    retrying = None
    answer = client.post(challenge["url"], {})
    while client.post(order["authorizations"][0]).json()["status"] == "pending":
        answer = client.post(challenge["url"])
        shown = answer.json()
        if shown["status"] == "processing" and "error" in shown:
            retrying = shown
            assert "Retry-After" in answer.headers, "RFC 8555 section 8.2"
            assert client.post(challenge["url"], {}).status_code == 200
        time.sleep(0.1)
    queries = len(Responder.seen) - before
    failed = client.post(order["authorizations"][0]).json()
    assert failed["status"] == "invalid" and [c["type"] for c in failed["challenges"]] == ["http-01"], failed
    error = failed["challenges"][0]["error"]
    assert retrying and error["type"] == ERROR + "unauthorized", error
    assert len(error.get("subproblems", [])) == queries, (queries, error)
    assert "missing.e2e.test" in error["detail"] and len(error["detail"]) < 400, error
    ended = client.post(url).json()
    assert ended["status"] == "invalid" and ended["error"]["type"] == error["type"], ended
    assert url not in client.post(client.post(client.url).json()["orders"]).json()["orders"]


@case
def contacts_are_judged():
    for contact, kind in {"mailto:a@x.test?subject=b": "invalidContact", "mailto:a@x.test,b@x.test": "invalidContact",
                          "mailto:nobody": "invalidContact", "tel:+123": "unsupportedContact", "": "unsupportedContact"}.items():
        refuses(400, kind, lambda: Client().register(contact=[contact]))
    client = Client()
    made = client.register(contact=["mailto:jörg@example.org"], orders="x", status="revoked", unknown=[1])
    assert made.json()["contact"] == ["mailto:jörg@example.org"] and made.json()["status"] == "valid"
    assert "unknown" not in made.json() and made.json()["orders"].startswith("https://")
    assert client.register(contact=["mailto:other@example.org"]).json()["contact"] == ["mailto:jörg@example.org"]
    assert not client.post(client.url, {"contact": []}).json().get("contact")
    assert client.post(client.url, {"status": "revoked", "orders": "x"}).json()["status"] == "valid"


@case
def a_jws_in_the_wrong_form_is_refused():
    client = Client()
    client.register()
    good = lambda: client.jws(client.url, None)
    for change in [{"header": {}}, {"signatures": []}, {"payload": None}, {"signature": good()["signature"]}, {"protected": "AA"}]:
        body = {k: v for k, v in (good() | change).items() if v is not None}
        refuses(400, "malformed", lambda: client.send(client.url, body))
    for header in [{"b64": False, "crit": ["b64"]}, {"crit": ["x"]}, {"url": client.url + "/"}, {"jwk": client.key.jwk}, {"alg": "none"},
                   {"alg": "HS256"}, {"alg": "ES256K"}, {"alg": "RS256"}, {"kid": client.url + "/"}, {"kid": client.url.upper()}]:
        kinds = {"url": (403, "unauthorized"), "kid": (400, "accountDoesNotExist"), "alg": (400, "badSignatureAlgorithm")}
        status, kind = kinds.get(next(iter(header)), (400, "malformed"))
        if header == {"alg": "RS256"}:
            status, kind = 400, "malformed"
        if "kid" in header:
            body = client.jws(client.url, None, kid=header["kid"])
        else:
            body = client.jws(client.url, None, **header) if "url" not in header else client.jws(header["url"], None)
        refused = refuses(status, kind, lambda: client.send(client.url, body))
        if kind == "badSignatureAlgorithm":
            assert {"ES256", "RS256", "EdDSA"} <= set(refused.problem["algorithms"])
    refuses(415, "malformed", lambda: client.send(client.url, good(), **{"Content-Type": "application/json"}))


def main():
    if "--list" in sys.argv:
        return print("\n".join(function.__name__ for function in CASES))
    Server("http", socket.AF_INET, "127.0.0.1", int(HTTP01_PORT))
    Server("http6", socket.AF_INET6, "::1", int(HTTP01_PORT))
    Server("https", socket.AF_INET, "127.0.0.1", int(TLS_PORT), self_signed())
    failed = 0
    for function in [f for f in CASES if not sys.argv[5:] or f.__name__ in sys.argv[5:]]:
        begun = time.monotonic()
        try:
            function()
            print(f"ok    {function.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL  {function.__name__}: {error!r}", flush=True)
            traceback.print_exc(limit=-3, chain=False, file=sys.stdout)
    sys.exit(failed > 0)


main()
