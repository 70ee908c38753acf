import ACME
import Foundation
import TestSupport
import Testing

@testable import Agent

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct RenewalTimeTests {
    static let start = Date(timeIntervalSince1970: 1_800_000_000)

    @Test(
        arguments: [
            (90 * 86_400.0, 60 * 86_400.0), (47 * 86_400, 2_707_200), (6 * 86_400, 4 * 86_400), (160 * 3600, 384_000),
            (3600, 2400), (3, 2),
        ] as [(Double, Double)])
    func `renewal is due when a third of the lifetime is left, in days or in seconds`(lifetime: Double, due: Double) {
        let end = Self.start + lifetime - 1
        #expect(RenewalTime.due(notBefore: Self.start, notAfter: end) == (Self.start + due, .third))
    }

    @Test func `a validity that ends before it begins is due at once`() {
        #expect(RenewalTime.due(notBefore: Self.start, notAfter: Self.start - 100).at == Self.start)
    }

    @Test(arguments: [90 * 86_400, 47 * 86_400, 6 * 86_400, 3600] as [Double])
    func `advice is followed, but neither past a tenth of the lifetime nor again and again`(lifetime: Double) {
        func due(_ share: Double) -> (at: Date, reason: RenewalReason) {
            RenewalTime.due(
                notBefore: Self.start, notAfter: Self.start + lifetime - 1, advised: Self.start + lifetime * share)
        }
        #expect(due(0.5) == (Self.start + lifetime * 0.5, .advised))
        #expect(due(0.8) == (Self.start + lifetime * 0.8, .advised), "later than a third left, as advised")
        #expect(abs(due(0.95).at.timeIntervalSince(Self.start + lifetime * 0.9)) < 0.01 && due(0.95).reason == .emergency)
        #expect(due(-5) == (Self.start + lifetime * 0.01, .advised), "a window in the past does not loop")
    }

    @Test func `the gravest end of several is the run's`() {
        #expect(ExitCode.gravest(of: []) == .nothingToDo)
        #expect(ExitCode.gravest(of: [.nothingToDo, .changed]) == .changed)
        #expect(ExitCode.gravest(of: [.changed, .notServed, .nothingToDo]) == .notServed)
        #expect(ExitCode.gravest(of: [.wait, .notServed, .needsPerson]) == .needsPerson)
        #expect(ExitCode.gravest(of: [.needsPerson, .failed, .changed]) == .failed)
    }
}

@Suite(.serialized) struct StoreTests {
    let folder: TemporaryFolder
    let store: StoreFolder

    init() throws {
        folder = try TemporaryFolder()
        store = StoreFolder(folder.path("s"))
    }

    private func files(_ mark: String) -> CertificateFiles {
        CertificateFiles(
            privateKey: "key \(mark)\n", certificate: "cert \(mark)\n", chain: "chain \(mark)\n",
            lineage: Lineage(
                name: "a.test", names: ["a.test", "*.a.test"], ca: "https://ca.test/dir", method: .dnsHook("/bin/hook"),
                keyType: .rsa2048, deployHook: "/bin/deploy", notBefore: Date(timeIntervalSince1970: 1_800_000_000),
                notAfter: Date(timeIntervalSince1970: 1_800_086_399), serial: mark, served: false, revoked: nil,
                history: [
                    .init(
                        at: Date(timeIntervalSince1970: 1_800_000_001), serial: mark,
                        notAfter: Date(timeIntervalSince1970: 1_800_086_399))
                ]))
    }

    private func text(_ file: String) -> String? {
        try? String(contentsOfFile: "\(store.live("a.test"))/\(file)", encoding: .utf8)
    }

    /// What is live, if the four files and the lineage are of one installation.
    private func live() throws -> String? {
        guard let lineage = try store.lineage("a.test") else { return nil }
        let mark = lineage.serial
        #expect(text("privkey.pem") == "key \(mark)\n")
        #expect(text("cert.pem") == "cert \(mark)\n")
        #expect(text("chain.pem") == "chain \(mark)\n")
        #expect(text("fullchain.pem") == "cert \(mark)\nchain \(mark)\n")
        return mark
    }

    @Test func `a lineage reads back as it was written, each method too`() throws {
        for method: ChallengeMethod in [.standalone(port: 80), .tlsALPN(port: 8443), .webroot("/srv/www"), .dnsHook("/bin/x")] {
            var files = files("1")
            files.lineage.method = method
            try store.install(files)
            #expect(try store.lineage("a.test") == files.lineage)
            files.lineage.served = true
            try store.update(files.lineage)
            #expect(try store.lineage("a.test") == files.lineage)
        }
    }

    @Test(arguments: [0, 0o022, 0o077, 0o777])
    func `keys are 0600 and folders 0700 under every umask`(mask: Int) throws {
        let before = umask(mode_t(mask))
        defer { umask(before) }
        // The folder that is not ours must stay open to us.
        if mask != 0o777 || getuid() == 0 {
            try store.install(files("1"))
            try store.save(SigningKey(.p256), of: "https://ca.test/dir")
        }
        func mode(_ path: String) -> Int {
            ((try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int) ?? -1
        }
        #expect(mode("\(store.path)/archive/a.test/1/privkey.pem") == 0o600)
        #expect(mode("\(store.account("https://ca.test/dir"))/key.pem") == 0o600)
        for path in ["", "/archive", "/archive/a.test", "/archive/a.test/1", "/live", "/accounts"] {
            #expect(mode(store.path + path) & 0o077 == 0, "\(path)")
        }
    }

    private struct Crash: Error {}

    @Test(arguments: StoreFolder.InstallStep.allCases)
    func `a crash after any step leaves the old pair or the new pair, and the next installation works`(
        step: StoreFolder.InstallStep
    ) throws {
        try store.install(files("old"))
        #expect(throws: AgentError.self) {
            try store.install(files("new")) { (done) throws(AgentError) in if done == step { throw .failed("killed") } }
        }
        let after = try live()
        #expect(after == (step == .filesWritten || step == .versionNamed ? "old" : "new"))
        try store.install(files("next"))
        #expect(try live() == "next")
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(store.path)/archive/a.test")
        #expect(!names.contains { $0.hasPrefix(".") })
    }

    @Test func `five older versions stay, and what is live is always among them`() throws {
        for number in 1...9 { try store.install(files("\(number)")) }
        #expect(try live() == "9")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(store.path)/archive/a.test").sorted() == [
                "5", "6", "7", "8", "9",
            ])
    }

    @Test func `a reader never meets a mix while 200 installations pass`() async throws {
        try store.install(files("0"))
        let store = store
        let writer = Task {
            for number in 1...200 { try store.install(files("\(number)")) }
        }
        var seen: Set<String> = []
        while !seen.contains("200") {
            // One look at the link, as a server that opens the folder makes; then the files within.
            guard let target = Files.target(of: store.live("a.test")) else { continue }
            let place = "\(store.path)/live/\(target)"
            guard let key = try? String(contentsOfFile: "\(place)/privkey.pem", encoding: .utf8),
                let certificate = try? String(contentsOfFile: "\(place)/cert.pem", encoding: .utf8)
            else { continue }
            #expect(key.dropFirst(4) == certificate.dropFirst(5))
            seen.insert(String(key.dropFirst(4).dropLast()))
        }
        try await writer.value
    }

    @Test(arguments: ["../x", "a/b", "", ".", "..", ".hidden", "A.test", "a test", "a\u{0}b"])
    func `names that are no folder of ours are refused`(name: String) {
        #expect(throws: AgentError.self) { _ = try store.lineage(name) }
        var bad = files("1")
        bad.lineage.name = name
        #expect(throws: AgentError.self) { try store.install(bad) }
    }

    @Test func `a damaged lineage is an error in its place`() throws {
        try store.install(files("1"))
        try "{".write(toFile: "\(store.live("a.test"))/lineage.json", atomically: false, encoding: .utf8)
        #expect(throws: AgentError.self) { _ = try store.lineage("a.test") }
        #expect(store.lineages().count == 1)
    }

    @Test func `a store that cannot be made says so and names --store`() throws {
        try folder.write("file", "")
        #expect(throws: AgentError.self) { _ = try StoreLock.take(StoreFolder(folder.path("file"))) }
    }

    @Test func `the lock is one at a time and comes back`() throws {
        var first = try StoreLock.take(store)
        #expect(first != nil)
        #expect(try StoreLock.take(store) == nil)
        first = nil
        #expect(try StoreLock.take(store) != nil)
    }

    @Test func `different directories have different account folders`() {
        let urls = ["https://ca.test/a-b", "https://ca.test/a/b", "https://ca.test/a_b", "https://ca.test:1/a"]
        #expect(Set(urls.map(store.account)).count == urls.count)
        #expect(urls.allSatisfy { !store.account($0).dropFirst(store.path.count + 10).contains("/") })
    }

    @Test func `where the store is by default`() {
        let standard = StoreFolder.standard(environment: ["XDG_CONFIG_HOME": "/x", "HOME": "/h"]).path
        #expect(standard == (getuid() == 0 ? "/etc/chancery" : "/x/chancery"))
        #expect(absolutePath("/a//b/./c/") == "/a/b/c")
    }
}
