import ACME
import ACMEClient
import Foundation
import PKIX
import TestSupport
import Testing

/// The short form of `script/chaos`: each fault once or a few times.
@Suite(.serialized) struct ChaosTests {
    /// Every place in the code at which a debug build on SQLite can be told to die.
    static let points: [String] = {
        guard let files = FileManager.default.enumerator(atPath: Tools.sources) else { return [] }
        var names: [String] = []
        for case let file as String in files where file.hasSuffix(".swift") {
            let text = (try? String(contentsOfFile: "\(Tools.sources)/\(file)", encoding: .utf8)) ?? ""
            names += text.matches(of: /crashPoint\("([^"]+)"\)/).map { String($0.output.1) }
        }
        return names.filter { !$0.hasPrefix("postgres.") }.sorted()
    }()

    @Test func `killed once at each named point and at random moments under load, nothing acknowledged is lost or doubled`()
        async throws
    {
        let authority = try await TestAuthority(names: NameServer())
        let witness = authority.folder.path("witness")
        let load = try await WitnessedLoad(authority)
        try await authority.stop(SIGKILL)
        try await authority.openKey()
        load.begin()
        #expect(Self.points.count >= 10)
        for point in Self.points {
            let server = try authority.launch(
                environment: ["CHANCERY_FAULT_POINT": "\(point):1", "CHANCERY_FAULT_WITNESS": witness])
            #expect(try await server.ended() == SIGKILL, "not killed at \(point): \(server.output.suffix(500))")
        }
        for _ in 1...3 {
            try await authority.start(environment: ["CHANCERY_FAULT_WITNESS": witness])
            let before = load.count
            try await eventually("a certificate", limit: 60) { load.count > before }
            try await authority.stop(SIGKILL)
        }
        await load.end()
        try await authority.start(environment: ["CHANCERY_FAULT_WITNESS": witness])
        try await eventually("what was left to be finished", limit: 60) {
            try await load.check("--witness", witness, "--settled").status == 0
        }
        #expect(try await authority.stop() == 0)
        try await tampering(with: authority, load, witness)
    }

    /// A checker that cannot fail shows nothing.
    private func tampering(with authority: TestAuthority, _ load: WitnessedLoad, _ witness: String) async throws {
        for (change, said) in [
            ("DELETE FROM certificates WHERE id = (SELECT certificate FROM revocations LIMIT 1)", "is lost"),
            ("DELETE FROM revocations WHERE certificate = (SELECT certificate FROM revocations LIMIT 1)", "the revocation of"),
            ("UPDATE accounts SET thumbprint = 'x' WHERE id = (SELECT MAX(id) FROM accounts)", "has another key"),
            ("UPDATE orders SET certificate = NULL WHERE status = 'valid'", "is valid without a certificate"),
            ("DELETE FROM certificates", "without an intent"),
        ] {
            let copy = authority.folder.path("tampered.sqlite")
            try? FileManager.default.removeItem(atPath: copy)
            try FileManager.default.copyItem(atPath: "\(authority.data)/chancery.sqlite", toPath: copy)
            try await Program.succeed(
                "python3",
                ["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()", copy, change]
            )
            let outcome = try await load.check("--witness", witness, database: copy)
            #expect(outcome.status == 1 && outcome.output.contains(said), "\(change): \(outcome)")
        }
    }

    @Test func `when the device fails to sync nothing more is acknowledged, the server ends with 74, and a new one goes on`()
        async throws
    {
        let authority = try await TestAuthority(names: NameServer())
        let (library, control) = (authority.folder.path("failing.so"), authority.folder.path("failing"))
        try await Program.succeed(
            "cc", ["-shared", "-fPIC", "-O1", "-o", library, Tools.benchmark("chaos/failing.c"), "-ldl"])
        let load = try await WitnessedLoad(authority)
        try await authority.stop()
        try await authority.start(environment: ["LD_PRELOAD": library, "CHANCERY_FAILING": control])
        load.begin()
        try await eventually("load", limit: 60) { load.count > 3 }
        try await Program.succeed("cp", [authority.folder.write("order", "EIO sync"), control])
        let server = try #require(authority.server)
        #expect(try await server.ended() == 74)
        #expect(server.output.contains("The disk failed"), "\(server.output.suffix(500))")
        await load.end()

        try await authority.start()
        load.begin()
        let before = load.count
        try await eventually("certificates again", limit: 60) { load.count > before }
        await load.end()
        #expect(try await authority.stop() == 0)
        let outcome = try await load.check()
        #expect(outcome.status == 0, "\(outcome)")
    }
}
