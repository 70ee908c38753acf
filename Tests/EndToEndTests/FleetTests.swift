import ACME
import ACMEClient
import Foundation
import PKIX
import TestSupport
import Testing

/// Three built servers on one real PostgreSQL, behind Debian's proxies.
@Suite(.serialized, .enabled(if: PostgreSQLServer.programs != nil)) struct FleetTests {
    /// On a database of its own in the tests' server.
    private func fleet(_ count: Int = 3, flags: [String] = []) async throws -> Fleet {
        let server = try await PostgreSQLServer.shared()
        let name = "fleet\(UInt32.random(in: 0 ... .max))"
        try await server.run("CREATE DATABASE \(name)")
        return try await Fleet(count, database: server.url(database: name), flags: flags)
    }

    @Test func `lego, certbot and our client get certificates through both proxies, each request from another server`()
        async throws
    {
        let fleet = try await fleet()
        for proxy in Proxy.allCases {
            try await fleet.stand(behind: proxy)
            let folder = try TemporaryFolder()
            try await Program.succeed(
                "lego",
                [
                    "--path", folder.path("lego"), "--server", fleet.directory, "--email", "a@example.com", "--accept-tos",
                    "--http",
                    "--http.port", ":\(fleet.http01Port)", "-d", "lego-\(proxy).e2e.test", "run",
                ], environment: ["LEGO_CA_CERTIFICATES": fleet.root])
            try await Program.succeed(
                Tools.certbot("certbot"),
                [
                    "certonly", "--standalone", "--http-01-port", "\(fleet.http01Port)", "-d", "certbot-\(proxy).e2e.test",
                    "--agree-tos", "-m", "admin@example.com", "--no-eff-email", "--non-interactive", "--server", fleet.directory,
                    "--config-dir", folder.path("etc"), "--work-dir", folder.path("var"), "--logs-dir", folder.path("log"),
                ], environment: ["REQUESTS_CA_BUNDLE": fleet.root])
            try await Program.succeed(
                Program.built("chancery"),
                [
                    "issue", "--ca", fleet.directory, "--ca-root", fleet.root, "--agree-tos", "-m", "a@example.com", "--store",
                    folder.path("own"), "--standalone", "--http-port", "\(fleet.http01Port)", "-d", "own-\(proxy).e2e.test",
                    "--no-preflight",
                ])
        }
        #expect(try await fleet.serials().count == 6 + 3, "six, and the servers' own")
        for number in 0..<3 {
            let asked = fleet.members[number].server.output.split(separator: "\n").filter { $0.contains("route=new-nonce") }
            #expect(!asked.isEmpty || number > 0)
            #expect(fleet.members[number].server.output.contains("route="), "server \(number) was asked nothing")
        }
    }

    @Test func `of fifty uses of one nonce at two servers at once one is taken`() async throws {
        let fleet = try await fleet(2)
        let folder = try TemporaryFolder()
        let head = try await Program.succeed(
            "curl", ["-sI", "--cacert", fleet.root, "https://127.0.0.1:\(fleet.members[0].port)/acme/default/new-nonce"])
        let line = try #require(head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("replay-nonce:") })
        let nonce = String(line.split(separator: " ")[1])
        let message = try SigningKey(.p256).message(
            payload: Array(#"{"termsOfServiceAgreed":true}"#.utf8), url: "\(fleet.external)/acme/default/new-account",
            nonce: nonce,
            signer: nil)
        let body = try folder.write("body", String(decoding: message, as: UTF8.self))
        var arguments = ["-sZ", "--parallel-max", "50", "--parallel-immediate"]
        for turn in 0..<50 {
            if turn > 0 { arguments.append("--next") }
            arguments += [
                "-s", "-o", "/dev/null", "-w", "%{http_code}\\n", "--cacert", fleet.root, "-H",
                "Content-Type: application/jose+json",
                "--data-binary", "@\(body)", "https://127.0.0.1:\(fleet.members[turn % 2].port)/acme/default/new-account",
            ]
        }
        let statuses = try await Program.succeed("curl", arguments).split(separator: "\n")
        #expect(statuses.count { $0 == "201" } == 1)
        #expect(statuses.count { $0 == "400" } == 49)
    }

    @Test func `a killed server's work is taken over within seconds, and a stopped one does no harm`() async throws {
        let fleet = try await fleet()
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: fleet.http01Port, thumbprint: key.jwk.thumbprint)
        let load = try await Load(fleet.directory, root: fleet.root, key: key)
        load.start(workers: 4)
        try await load.issues(8)
        fleet.members[1].server.signal(SIGSTOP)
        fleet.members[2].server.signal(SIGKILL)
        let killed = ContinuousClock.now
        try await load.issues(8)
        try await eventually("both are struck off", limit: 40) {
            fleet.members[0].server.output.split(separator: "\n").filter { $0.contains("its work is taken over") }.count == 2
        }
        #expect(ContinuousClock.now - killed < .seconds(30))
        fleet.members[1].server.signal(SIGCONT)
        try await fleet.restart(2, by: SIGKILL)
        try await load.issues(8)
        let told = await load.stop()

        let account = try Subscriber.client(fleet.directory, root: fleet.root).account(key, url: load.account)
        for url in told.orders {
            try await eventually("\(url) to go on", limit: 60) { try await account.order(url).status != .processing }
        }
        let faults = try await load.violations(
            serials: fleet.serials(), revoked: Set(fleet.serials("--revoked")))
        #expect(faults == [])
        // What was lost was lost on the way: no server refused anything.
        #expect(!fleet.logs.contains { $0.contains("status=500") })
        withExtendedLifetime(responder) {}
    }

    @Test func `a validation that a server was at when it was killed goes on at another`() async throws {
        let fleet = try await fleet()
        let key = SigningKey(.p256)
        let subscriber = Subscriber(
            try await Subscriber.client(fleet.directory, root: fleet.root).createAccount(key, termsAgreed: true).account)
        try await fleet.stand(behind: .nginx, [2])
        // Nobody answers on the port: the server is left with the next query to make.
        let placed = try await subscriber.account.newOrder(["taken-over.e2e.test"])
        let url = try #require(placed.order.authorizations.first)
        let challenge = try #require(
            try await subscriber.account.authorization(url).challenges.first { $0.type == ChallengeType.http01.rawValue })
        try await subscriber.account.respond(to: challenge)
        try await fleet.members[2].server.stop(SIGKILL)
        let killed = ContinuousClock.now
        let responder = try await StatelessResponder(port: fleet.http01Port, thumbprint: key.jwk.thumbprint)
        try await fleet.stand(behind: .nginx, [0, 1])
        #expect(try await subscriber.settled(url).status == .valid)
        #expect(ContinuousClock.now - killed < .seconds(30))
        print("taken over after \(ContinuousClock.now - killed)")
        withExtendedLifetime(responder) {}
    }

    @Test func `a rolling restart under load fails no request`() async throws {
        let fleet = try await fleet(flags: ["--set", "drain-delay=2s"])
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: fleet.http01Port, thumbprint: key.jwk.thumbprint)
        try await fleet.stand(behind: .haproxy)
        let load = try await Load(fleet.directory, root: fleet.root, key: key)
        load.start(workers: 4)
        try await load.issues(4)
        for number in 0..<3 {
            #expect(try await fleet.restart(number) == 0)
            try await load.issues(2)
        }
        let told = await load.stop()
        #expect(told.errors == [])
        #expect(!fleet.logs.contains { $0.contains("status=5") && !$0.contains("route=readyz") })
        let faults = try await load.violations(serials: fleet.serials(), revoked: Set(fleet.serials("--revoked")))
        #expect(faults == [])
        withExtendedLifetime(responder) {}
    }

    @Test func `another authority's folder is refused, and so is an empty one`() async throws {
        let fleet = try await fleet(1)
        for isEmpty in [true, false] {
            let data = fleet.folder.path("other-\(isEmpty)")
            if !isEmpty { try await Program.succeed(Program.built("chanceryd"), ["init", "--data", data]) }
            let outcome = try await Program.run(
                Program.built("chanceryd"), fleet.arguments(data: data, port: try freePort(), httpPort: try freePort()))
            #expect(outcome.status == 72, "\(outcome)")
            #expect(outcome.errors.contains("copy"), "\(outcome)")
            #expect(!isEmpty || !FileManager.default.fileExists(atPath: "\(data)/root.pem"), "nothing was made")
        }
        #expect(fleet.members[0].server.isRunning)
    }

    @Test func `of two servers that start on an empty database one makes the authority`() async throws {
        let server = try await PostgreSQLServer.shared()
        let name = "empty\(UInt32.random(in: 0 ... .max))"
        try await server.run("CREATE DATABASE \(name)")
        let folder = try TemporaryFolder()
        let servers = try (0..<2).map { number in
            try RunningProgram(
                Program.built("chanceryd"),
                [
                    "serve", "--data", folder.path("ca\(number)"), "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
                    "--database", server.url(database: name),
                ], log: folder.path("log\(number)"))
        }
        defer { for one in servers { one.signal(SIGKILL) } }
        try await eventually("one serves and one has ended", limit: 60) {
            servers.count { $0.output.contains("Ready:") } == 1 && servers.count { !$0.isRunning } == 1
        }
        let refused = try #require(servers.first { !$0.isRunning })
        #expect(refused.output.contains("copy"), "\(refused.output)")
        let roots = (0..<2).filter { FileManager.default.fileExists(atPath: folder.path("ca\($0)/root.pem")) }
        #expect(roots.count == 1)
    }
}
