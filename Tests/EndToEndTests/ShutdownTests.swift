import ACME
import ACMEClient
import Foundation
import PKIX
import Synchronization
import TestSupport
import Testing

/// The server stops, starts again and takes new TLS files without anyone losing anything.
@Suite(.serialized) struct ShutdownTests {
    private final class Answers: Sendable {
        let orders = Mutex<[String]>([])
    }

    @Test func `on SIGTERM every request that was taken is answered, and the server ends with 0`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let subscribers = try await [Subscriber(authority), Subscriber(authority)]
        let answers = Answers()
        let load = Task {
            await withTaskGroup(of: (any Error)?.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        do {
                            while true {
                                let placed = try await subscribers[worker % 2].account.newOrder(["load.e2e.test"])
                                answers.orders.withLock { $0.append(placed.url) }
                            }
                        } catch { return error }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        try await eventually("load") { answers.orders.withLock { $0.count } >= 100 }
        #expect(try await authority.stop(SIGTERM) == 0)
        for error in await load.value {
            // Nobody listens any more; but no answer said so.
            guard case ACMEClientError.transport? = error as? ACMEClientError else {
                Issue.record("ended by \(String(describing: error))")
                continue
            }
        }
        let log = try #require(authority.server?.output).split(separator: "\n")
        let taken = log.filter { $0.contains("route=new-order") && $0.contains("status=201") }.count
        let answered = answers.orders.withLock { $0 }
        #expect(answered.count == taken, "a request that was taken was not answered")
        #expect(!log.contains { $0.contains("status=5") })

        try await authority.start()
        for (index, url) in answered.enumerated() where index % 10 == 0 {
            var seen = false
            for subscriber in subscribers { if (try? await subscriber.account.order(url)) != nil { seen = true } }
            #expect(seen, "\(url) is lost")
        }
    }

    @Test func `a restart keeps accounts, orders in every state, certificates and revocations`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: authority.http01Port, thumbprint: key.jwk.thumbprint)
        let before = try await Subscriber(authority, key: key)
        let issued = try await before.issue(["kept.e2e.test", "also.kept.e2e.test"])
        let revoked = try await before.issue(["revoked.e2e.test"])
        try await before.account.revoke(revoked.leaf, reason: 4)
        let pending = try await before.account.newOrder(["pending.e2e.test"])
        let ready = try await before.account.newOrder(["ready.e2e.test"])
        #expect(try await before.prove(ready, by: .http01).map(\.status) == [.valid])
        let urls = [issued.order.url, revoked.order.url, pending.url, ready.url]
        var states: [Order] = []
        for url in urls { states.append(try await before.account.order(url)) }
        #expect(states.map(\.status) == [.valid, .valid, .pending, .ready])

        #expect(try await authority.stop(SIGTERM) == 0)
        try await authority.start()

        let after = try await Subscriber(authority, key: key)
        #expect(after.account.url == before.account.url)
        #expect(try await Set(after.account.orders()) == Set(urls))
        for (url, state) in zip(urls, states) { #expect(try await after.account.order(url) == state) }
        #expect(try await after.account.chains(issued.certificate).first?.certificates.first == issued.leaf)
        await #expect(throws: ACMEClientError.self, "revoked already") { try await after.account.revoke(revoked.leaf) }
        #expect(try await after.prove(pending, by: .http01).map(\.status) == [.valid])
        for placed in [pending, ready] {
            let names = placed.order.identifiers.map(\.value)
            let request = try CertificateRequest.make(names: names, key: CertificateKey(.p256))
            #expect(try await after.account.finalize(placed, csr: request).order.status == .valid)
        }
        withExtendedLifetime(responder) {}
    }

    @Test func `SIGHUP serves new TLS files, and keeps serving them when the next ones are no good`() async throws {
        let files = try TemporaryFolder()
        let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"))
        func make(_ name: String) async throws {
            try await Program.succeed(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
                ])
        }
        try await make("first")
        let authority = try await TestAuthority(flags: ["--tls-certificate", certificate, "--tls-key", key])
        func served() async throws -> String {
            let session = try await Program.run("openssl", ["s_client", "-connect", "127.0.0.1:\(authority.port)"])
            return session.output.split(separator: "\n").first { $0.hasPrefix("subject=") }.map(String.init)
                ?? session.description
        }
        #expect(try await served().hasSuffix("first"))
        try await make("second")
        authority.server?.signal(SIGHUP)
        try await eventually("the second certificate") { try await served().hasSuffix("second") }

        try "no certificate".write(toFile: certificate, atomically: true, encoding: .utf8)
        authority.server?.signal(SIGHUP)
        try await authority.server?.printed("the old ones are served on")
        #expect(try await served().hasSuffix("second"))
    }
}
