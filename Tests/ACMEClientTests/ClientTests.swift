import ACME
import Foundation
import Testing

@testable import ACMEClient

struct ClientTests {
    static let base = ScriptedCA.base
    static let order =
        #"{"status":"STATUS","identifiers":[{"type":"dns","value":"a.test"}],"authorizations":["\#(base)/a/1"],"finalize":"\#(base)/f"CERT}"#

    static func order(_ status: String) -> WireAnswer {
        ScriptedCA.json(
            order.replacingOccurrences(of: "STATUS", with: status)
                .replacingOccurrences(of: "CERT", with: status == "valid" ? #","certificate":"\#(base)/cert""# : ""))
    }

    private func placed(_ status: OrderStatus = .ready) throws -> PlacedOrder {
        PlacedOrder(
            url: "\(Self.base)/o",
            order: Order(
                status: status, identifiers: [.dns("a.test")], authorizations: ["\(Self.base)/a/1"], finalize: "\(Self.base)/f"))
    }

    @Test func `C-6.1-2 C-6.1-3 C-6.2-5 C-6.5.1-2 headers of every request`() async throws {
        let ca = ScriptedCA { _, _, _ in ScriptedCA.usual }
        _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
        for request in ca.requests {
            let headers = Dictionary(request.headers.map { ($0.name, $0.value) }) { $1 }
            #expect(headers["User-Agent"]?.split(separator: " ").filter { $0.contains("/") }.count == 3)
            #expect(headers["Accept-Language"] == "en")
            #expect(headers["Replay-Nonce"] == nil)
            #expect((request.method == "POST") == (headers["Content-Type"] == "application/jose+json"))
        }
    }

    @Test func `C-6.2-3 C-6.2-4 C-6.3-1 C-6.4-1 the key itself for newAccount, the account's URL byte for byte after it`()
        async throws
    {
        let ca = ScriptedCA { _, path, _ in
            path.hasPrefix("/account") ? ScriptedCA.json(#"{"status":"valid"}"#) : ScriptedCA.usual
        }
        let client = try ca.client()
        let key = SigningKey(.p256)
        let made = try await client.createAccount(key, termsAgreed: true)
        #expect(made.created)
        let account = try client.account(key, url: "\(Self.base)/account?id=1%2F2&x")
        _ = try await account.state()
        let first = try #require(ca.messages("/acct").first)
        #expect(first.signer == .jwk(key.jwk) && first.isSigned(by: key.jwk) && first.url == "\(Self.base)/acct")
        let second = try #require(ca.messages("/account?id=1%2F2&x").first)
        #expect(second.signer == .kid("\(Self.base)/account?id=1%2F2&x") && second.payload.isEmpty)
        #expect(second.url == "\(Self.base)/account?id=1%2F2&x")
        #expect(first.nonce != second.nonce)
    }

    @Test func `C-6.5-3 C-6.5-4 after badNonce the next try has that answer's nonce, and no HEAD is spent`() async throws {
        let ca = ScriptedCA { _, path, count in
            path == "/acct" && count < 3
                ? ScriptedCA.problem("badNonce", 400, [("Replay-Nonce", "fresh-\(count)")]) : ScriptedCA.usual
        }
        _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
        #expect(ca.messages("/acct").map(\.nonce).dropFirst() == ["fresh-0", "fresh-1", "fresh-2"])
        #expect(!ca.paths().contains("HEAD /nonce"))
    }

    @Test func `badNonce for ever ends`() async throws {
        let ca = ScriptedCA { _, path, _ in path == "/acct" ? ScriptedCA.problem("badNonce", 400) : ScriptedCA.usual }
        await #expect(throws: ACMEClientError.self) {
            _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
        }
        #expect(ca.messages("/acct").count == 21)
    }

    @Test(arguments: ["a b", "x=", "", "ä", String(repeating: "n", count: 2000), "a,b"])
    func `C-6.5.1-1 a Replay-Nonce that is none is ignored`(nonce: String) async throws {
        let ca = ScriptedCA { request, path, _ in
            path == "/nonce" && request.method == "HEAD"
                ? WireAnswer(status: 200, headers: [("Replay-Nonce", "good-1")])
                : path == "/dir"
                    ? WireAnswer(status: 200, headers: [("replay-nonce", nonce)], body: Array(Self.directory.utf8))
                    : ScriptedCA.usual
        }
        _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
        #expect(ca.messages("/acct").first?.nonce == "good-1")
    }

    static let directory =
        #"{"newNonce":"https://ca.test/nonce","newAccount":"https://ca.test/acct","newOrder":"https://ca.test/order"}"#

    @Test func `C-7.2-1 a server without HEAD is asked for its nonce by GET`() async throws {
        let ca = ScriptedCA { request, path, _ in
            switch (path, request.method) {
            case ("/dir", _): WireAnswer(status: 200, headers: [("Replay-Nonce", "?")], body: Array(Self.directory.utf8))
            case ("/nonce", "HEAD"): WireAnswer(status: 405, headers: [("Replay-Nonce", "?")])
            case ("/nonce", _): WireAnswer(status: 204, headers: [("Replay-Nonce", "by-get")])
            default: ScriptedCA.usual
            }
        }
        _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
        #expect(ca.messages("/acct").first?.nonce == "by-get")
    }

    @Test(arguments: [429, 503]) func `C-6.6-1 waits as Retry-After says, in seconds or by a date`(status: Int) async throws {
        for (value, wait) in [("7", 7.0), ("Fri, 15 Jan 2027 08:00:20 GMT", 20)] {
            let ca = ScriptedCA { _, path, count in
                path == "/acct" && count == 0
                    ? ScriptedCA.problem("rateLimited", status, [("Retry-After", value)]) : ScriptedCA.usual
            }
            _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
            #expect(ca.slept == [wait])
        }
    }

    @Test func `what asks for too long a pause is an error with the time, also from Let's Encrypt's text`() async throws {
        for answer in [
            ScriptedCA.problem("rateLimited", 429, [("Retry-After", "7200")]),
            ScriptedCA.json(
                #"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many, retry after 2027-01-15 10:00:00 UTC: see x"}"#,
                429),
        ] {
            let ca = ScriptedCA { _, path, _ in path == "/acct" ? answer : ScriptedCA.usual }
            do {
                _ = try await ca.client().createAccount(SigningKey(.p256), termsAgreed: true)
                Issue.record("no error")
            } catch let error as ACMEClientError {
                guard case .rateLimited(let until, let problem, _) = error else { return #expect(Bool(false), "\(error)") }
                #expect(until == Date(timeIntervalSince1970: 1_800_000_000 + 7200))
                #expect(problem?.errorType == .rateLimited)
                #expect(error.description.contains("2027-01-15T10:00:00Z"))
            }
            #expect(ca.slept.isEmpty)
        }
    }

    @Test func `C-7.1.1-1 a directory with odd members is read, one without keyChange too`() async throws {
        let ca = ScriptedCA { _, path, _ in path == "/dir" ? ScriptedCA.json(Self.directory) : ScriptedCA.usual }
        let directory = try await ca.client().directory()
        #expect(directory.keyChange.isEmpty && directory.newAuthz == nil)
        await #expect(throws: ACMEClientError.unsupported("keyChange")) { try await ca.account().rollOver(to: SigningKey(.p256)) }
        let odd = ScriptedCA { _, _, _ in ScriptedCA.usual }
        let meta = try await odd.client().directory().meta
        #expect(meta?.termsOfService == nil && meta?.website == nil && meta?.profiles == ["a": "b"])
    }

    @Test func `redirects of the directory are followed from https to https, of nothing else`() async throws {
        let ca = ScriptedCA { _, path, _ in
            switch path {
            case "/dir": WireAnswer(status: 301, headers: [("Location", "/real")])
            case "/real": ScriptedCA.json(Self.directory)
            case "/acct": WireAnswer(status: 302, headers: [("Location", "https://ca.test/elsewhere")])
            default: ScriptedCA.usual
            }
        }
        let client = try ca.client()
        _ = try await client.directory()
        _ = try await client.directory()
        #expect(ca.paths() == ["GET /dir", "GET /real"])
        await #expect(throws: ACMEClientError.self) { _ = try await client.createAccount(SigningKey(.p256), termsAgreed: true) }
        #expect(!ca.paths().contains { $0.hasSuffix("elsewhere") })
    }

    @Test(arguments: [
        "http://ca.test/dir", "ftp://ca.test", "ca.test/dir", "https://", "https:///dir", "", "https://u:p@ca.test/",
        "https://ca.test/ x",
        "https://ca.test/\n", "https://ca.test/\u{e4}", "https://ca.test:0/", "https://ca.test:99999/", "javascript:alert(1)",
        "https://ca.test/\"",
    ])
    func `C-6.1-1 anything but an absolute https URL is refused`(url: String) {
        #expect(throws: ACMEClientError.self) { try ACMEClient(directory: url) }
    }

    @Test(arguments: [
        "https://ca.test", "HTTPS://ca.test/a%2Fb?x=1&y=2", "https://[::1]:8443/dir", "https://127.0.0.1/~a/(b);c=1",
    ])
    func `odd but right URLs are taken`(url: String) throws {
        #expect(try ACMEClient(directory: url).directoryURL == url)
    }

    @Test(arguments: [
        "mailto:a@b.test?subject=x", "mailto:a@b.test,c@d.test", "mailto:nobody", "ops@example.com", "mailto:a@b\n.test",
    ])
    func `C-7.3-1 contacts with header fields or several addresses are never sent`(contact: String) async throws {
        let ca = ScriptedCA { _, _, _ in ScriptedCA.usual }
        await #expect(throws: ACMEClientError.self) {
            _ = try await ca.client().createAccount(SigningKey(.p256), contacts: [contact], termsAgreed: true)
        }
        #expect(ca.requests.isEmpty)
    }

    @Test func `C-7.3.1-1 C-7.3.2-1 an account is looked up, and 200 without a body is one`() async throws {
        let none = ScriptedCA { _, path, _ in path == "/acct" ? ScriptedCA.problem("accountDoesNotExist", 400) : ScriptedCA.usual
        }
        #expect(try await none.client().findAccount(SigningKey(.p256)) == nil)
        #expect(
            none.messages("/acct").first.map { String(decoding: $0.payload, as: UTF8.self) } == #"{"onlyReturnExisting":true}"#)
        let bare = ScriptedCA { _, path, _ in
            path == "/acct" ? WireAnswer(status: 200, headers: [("Location", "https://ca.test/account/7")]) : ScriptedCA.usual
        }
        let found = try #require(try await bare.client().findAccount(SigningKey(.p256)))
        #expect(found.account.url == "https://ca.test/account/7" && !found.created)
    }

    @Test(arguments: [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n",
    ])
    func `C-7.3.4-1 C-7.3.4-2 the binding is the vector's, however the MAC key was written`(key: String) throws {
        let binding = try AccountBinding(keyIdentifier: "eab-kid-1", key: key)
        let jwk = try JWK(
            canonical:
                #"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
        )
        let inner = FlattenedJWS.externalAccountBinding(
            keyIdentifier: binding.keyIdentifier, key: binding.key, account: jwk, url: "https://ca.example/acme/new-account")
        #expect(inner.signature == "ckCfEve-kBTbR8Npdo7Tf2abZpi6RQ-6KKIGLd69fO0")
        #expect(!"\(binding)".contains(key) && !String(reflecting: binding).contains(key))
    }

    @Test(arguments: ["", "===", "not base64!", "a"]) func `a MAC key that is none is refused without being shown`(key: String) {
        do {
            _ = try AccountBinding(keyIdentifier: "k", key: key)
            Issue.record("taken")
        } catch { #expect(key.count < 2 || !error.description.contains(key)) }
    }

    @Test func `C-7.3.5-1 the roll-over's inner message has the new key, the same URL, no nonce, account and old key`()
        async throws
    {
        let ca = ScriptedCA { _, _, _ in ScriptedCA.usual }
        let account = try ca.account()
        let new = SigningKey(.p384)
        let rolled = try await account.rollOver(to: new)
        #expect(rolled.url == account.url && rolled.key.jwk == new.jwk)
        let outer = try #require(ca.messages("/key").first)
        #expect(outer.signer == .kid(account.url) && outer.isSigned(by: account.key.jwk))
        let inner = try SignedMessage(inner: outer.payload)
        #expect(inner.signer == .jwk(new.jwk) && inner.isSigned(by: new.jwk) && inner.nonce == nil && inner.url == outer.url)
        let change = try JSONDecoder.acme.decode(KeyChange.self, from: Data(inner.payload))
        #expect(change.account == account.url && change.oldKey == account.key.jwk)
    }

    @Test(arguments: [true, false]) func `C-7.3.5-2 a roll-over whose answer is lost is settled by looking`(done: Bool)
        async throws
    {
        let url = "\(Self.base)/account?id=1%2F2"
        let ca = ScriptedCA { (_, path, count) throws(ACMEClientError) in
            switch path {
            case "/key" where count == 0: throw ACMEClientError.transport("reset", url: path)
            case "/acct" where done: return ScriptedCA.json("{}", 200, [("Location", url)])
            case "/acct": return ScriptedCA.problem("accountDoesNotExist", 400)
            default: return ScriptedCA.usual
            }
        }
        let new = SigningKey(.p256)
        #expect(try await ca.account().rollOver(to: new).key.jwk == new.jwk)
        #expect(ca.messages("/key").count == (done ? 1 : 2))
    }

    @Test func `C-7.4-5 finalize polls the order's URL after Retry-After, and posts the CSR once`() async throws {
        let ca = ScriptedCA { _, path, count in
            switch (path, count) {
            case ("/f", _): Self.order("processing")
            case ("/o", 0...1):
                WireAnswer(status: 200, headers: [("Retry-After", "11")], body: Self.order("processing").body)
            case ("/o", _): Self.order("valid")
            default: ScriptedCA.usual
            }
        }
        let done = try await ca.account().finalize(placed(), csr: [1, 2, 3])
        #expect(done.order.certificate == "\(Self.base)/cert")
        #expect(ca.messages("/f").map { String(decoding: $0.payload, as: UTF8.self) } == [#"{"csr":"AQID"}"#])
        #expect(ca.messages("/o").allSatisfy { $0.payload.isEmpty })
        #expect(ca.slept == [1, 11, 11])
    }

    @Test func `C-7.4-4 orderNotReady and lost answers send finalize back to the order`() async throws {
        let ca = ScriptedCA { (_, path, count) throws(ACMEClientError) in
            switch (path, count) {
            case ("/f", 0): return ScriptedCA.problem("orderNotReady", 403)
            case ("/f", 1): throw ACMEClientError.transport("reset", url: path)
            case ("/f", _): return Self.order("processing")
            case ("/o", 0): return Self.order("pending")
            case ("/o", 1...2): return Self.order("ready")
            case ("/o", _): return Self.order("valid")
            default: return ScriptedCA.usual
            }
        }
        #expect(try await ca.account().finalize(placed(), csr: [0]).order.status == .valid)
    }

    @Test func `an order that is processed for ever ends at the deadline, one that fails with its reason`() async throws {
        let slow = ScriptedCA { _, path, _ in path == "/f" || path == "/o" ? Self.order("processing") : ScriptedCA.usual }
        await #expect(throws: ACMEClientError.deadline("the CA to issue")) {
            try await slow.account().finalize(placed(), csr: [0])
        }
        #expect(slow.slept.reduce(0, +) >= 600 && slow.slept.reduce(0, +) < 620)
        let bad = ScriptedCA { _, path, _ in
            path == "/f"
                ? ScriptedCA.json(
                    Self.order.replacingOccurrences(of: "STATUS", with: "invalid").replacingOccurrences(
                        of: "CERT", with: #","error":{"type":"urn:ietf:params:acme:error:caa","detail":"no"}"#))
                : ScriptedCA.usual
        }
        do {
            _ = try await bad.account().finalize(placed(), csr: [0])
            Issue.record("valid")
        } catch let error as ACMEClientError { #expect(error.problem?.errorType == .caa) }
    }

    @Test func `C-7.4.2-1 alternates are fetched, five chains at most`() async throws {
        let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"
        let links = (1...1000).map { "<\(Self.base)/alt/\($0)>;rel=\"alternate\"" }.joined(separator: ", ")
        let ca = ScriptedCA { _, path, _ in
            path == "/cert"
                ? WireAnswer(status: 200, headers: [("Link", "<x>;rel=\"index\""), ("Link", links)], body: Array(pem.utf8))
                : path == "/alt/2"
                    ? ScriptedCA.json("<html>")
                    : path.hasPrefix("/alt") ? WireAnswer(status: 200, body: Array(pem.utf8)) : ScriptedCA.usual
        }
        let chains = try await ca.account().chains("\(Self.base)/cert")
        #expect(chains.map(\.url) == ["/cert", "/alt/1", "/alt/3", "/alt/4"].map { Self.base + $0 })
        #expect(ca.requests.count < 10)
    }

    @Test func `C-7.6-1 revocation by the account and by the certificate's key`() async throws {
        let ca = ScriptedCA { _, _, _ in ScriptedCA.usual }
        let account = try ca.account()
        try await account.revoke([1, 2, 3], reason: 1)
        let key = SigningKey(.rsa2048)
        try await account.client.revoke([1, 2, 3], reason: nil, certificateKey: key)
        let messages = ca.messages("/revoke")
        #expect(messages.map(\.signer) == [.kid(account.url), .jwk(key.jwk)])
        let payloads = messages.map { String(decoding: $0.payload, as: UTF8.self) }
        #expect(payloads[0].contains(#""reason":1"#) && payloads[0].contains(#""certificate":"AQID""#))
        #expect(payloads[1] == #"{"certificate":"AQID"}"#)
    }

    @Test func `orders are listed over pages, a loop of links ends`() async throws {
        let ca = ScriptedCA { _, path, _ in
            if path.hasPrefix("/account") { return ScriptedCA.json(#"{"status":"valid","orders":"https://ca.test/list/0"}"#) }
            guard path.hasPrefix("/list/"), let page = Int(path.dropFirst(6)) else { return ScriptedCA.usual }
            return ScriptedCA.json(
                #"{"orders":["https://ca.test/o/\#(page)"]}"#, 200, [("Link", "<https://ca.test/list/\(1 - page)>;rel=next")])
        }
        #expect(try await ca.account().orders().count == 100)
    }

    @Test func `C-6.7-1 an error's text has detail and subproblems and nothing that a terminal obeys`() {
        var problem = Problem(
            .rejectedIdentifier, 400, "no \u{1b}[31m\u{202e}\r\n\u{9b}x",
            subproblems: [Problem(.caa, 403, "CAA says no", identifier: .dns("a.test"))])
        problem.instance = "https://ca.test/\u{7}"
        let text = ACMEClientError.problem(problem, url: "https://ca.test/\u{1b}]0;x").description
        #expect(text.contains("rejectedIdentifier: no \\u{1b}[31m\\u{202e}\\r\\n\\u{9b}x"))
        #expect(text.contains("a.test: caa: CAA says no"))
        let queries = [Problem(.connection, 400, "Query 1: the same."), Problem(.connection, 400, "Query 2: the same.")]
        #expect(Problem(.connection, 400, "refused", subproblems: queries).sentence == "connection: refused")
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && !(0x80...0x9F).contains($0.value) })
        #expect(String(repeating: "x", count: 5000).sanitized.count == 601)
    }
}

struct ParsingTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test(arguments: [
        ("0", 0.0), ("120", 120), (" 5 ", 5), ("99999999999999999999999", 366.0 * 86_400), ("Fri, 15 Jan 2027 08:00:01 GMT", 1),
        ("Friday, 15-Jan-27 08:00:02 GMT", 2), ("Fri Jan 15 08:00:03 2027", 3), ("Fri, 15 Jan 2026 08:00:00 GMT", -31_536_000),
    ])
    func `Retry-After is read in all its forms`(text: String, seconds: Double) {
        #expect(retryTime(text, now: Self.now) == Self.now + seconds)
    }

    @Test(arguments: [
        "", "-5", "5.5", "soon", "1e9", "Fri, 15 Foo 2027 08:00:00 GMT", "Fri, 99 Jan 2027 08:00:00 GMT",
        String(repeating: " ", count: 5000) + "x",
    ])
    func `what is no Retry-After is none`(text: String) { #expect(retryTime(text, now: Self.now) == nil) }

    @Test func `links are read from odd headers`() {
        let links = linkTargets(
            #"<https://a.test/1>;rel="alternate"; title="x,y", <https://a.test/2>; REL=up,<https://a.test/3>;rel="index alternate",<broken"#
        )
        #expect(links.filter { $0.relation == "alternate" }.map(\.target) == ["https://a.test/1", "https://a.test/3"])
        #expect(links.filter { $0.relation == "up" }.map(\.target) == ["https://a.test/2"])
        #expect(linkTargets(String(repeating: "<a>;rel=x,", count: 10_000)).count <= 200)
    }

    @Test(arguments: [
        "", "no pem", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "x\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",
        "-----BEGIN X509 CERTIFICATE-----\nAQID\n-----END X509 CERTIFICATE-----\n", "\u{e4}",
        String(repeating: "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n", count: 11),
    ])
    func `C-11.4-1 a chain file with anything but certificates is refused`(text: String) {
        #expect(throws: ACMEClientError.self) { try CertificateChain(pem: Array(text.utf8), url: "u") }
    }

    @Test func `chains with CRLF and blank lines are read`() throws {
        let text =
            "\r\n-----BEGIN CERTIFICATE-----\r\nAQ\r\nID\r\n-----END CERTIFICATE-----\r\n\r\n-----BEGIN CERTIFICATE-----\r\nBAUG\r\n-----END CERTIFICATE-----"
        #expect(try CertificateChain(pem: Array(text.utf8), url: "u").certificates == [[1, 2, 3], [4, 5, 6]])
    }
}
