import Foundation
import PKIX
import Signing
import TestSupport
import Testing

@testable import chanceryd

final class CeremonyTests {
    static let time = Date(timeIntervalSince1970: 1_800_000_000)
    /// Made once, since deriving keys from passphrases is meant to be slow; for names below corp.example.
    private static let template = Task {
        let place = try TemporaryFolder()
        var plan = CeremonyPlan()
        plan.permitted = ["corp.example"]
        _ = try await ceremony(in: place).run(plan)
        return place
    }

    private let place: TemporaryFolder
    private let other: TemporaryFolder

    init() throws { (place, other) = (try TemporaryFolder(), try TemporaryFolder()) }

    private static func ceremony(in place: TemporaryFolder) -> Ceremony {
        Ceremony(
            folder: DataFolder(path: place.path("ca")), now: { time },
            random: { count in (0..<count).map { _ in UInt8.random(in: 0...255) } })
    }

    /// A ceremony on a copy of the template, which is complete.
    private func finished(in place: TemporaryFolder) async throws -> Ceremony {
        try await FileManager.default.copyItem(atPath: Self.template.value.path("ca"), toPath: place.path("ca"))
        return Self.ceremony(in: place)
    }

    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func `a set-up leaves these files with these modes, and openssl reads them`() async throws {
        let ceremony = Self.ceremony(in: place)
        let outcome = try await ceremony.run(CeremonyPlan())
        let folder = ceremony.folder
        let modes = [
            (folder.path, 0o700), (folder.rootFolder, 0o700), (folder.rootKey, 0o600), (folder.rootPassphrase, 0o600),
            (folder.root, 0o644), (folder.intermediate, 0o644), (folder.intermediateKey, 0o600),
            (folder.intermediatePassphrase, 0o600), (folder.settings, 0o600),
        ]
        for (path, expected) in modes { #expect(try mode(path) == expected, "\(path)") }
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        #expect(
            Set(names) == [
                "root", "root/root.key", "root/passphrase", "root.pem", "intermediate.pem", "intermediate.key",
                "intermediate.passphrase",
                "chancery.yaml",
            ])
        #expect(outcome.made.allSatisfy { exists($0.path) })
        #expect(try folder.state() == .complete)

        try await Program.succeed(
            "openssl", ["verify", "-x509_strict", "-attime", "1800000000", "-CAfile", folder.root, folder.intermediate])
        for (key, passphrase) in [
            (folder.rootKey, folder.rootPassphrase), (folder.intermediateKey, folder.intermediatePassphrase),
        ] {
            #expect(try String(contentsOfFile: key, encoding: .utf8).hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
            try await Program.succeed("openssl", ["pkey", "-in", key, "-passin", "file:\(passphrase)", "-noout"])
            #expect(try await Program.run("openssl", ["pkey", "-in", key, "-passin", "pass:wrong", "-noout"]).status != 0)
        }
        let text = try await Program.succeed("openssl", ["x509", "-in", folder.intermediate, "-noout", "-text"])
        #expect(text.contains("CA:TRUE, pathlen:0"))
        #expect(!text.contains("CRL Distribution"), "the root signs no revocation list")
    }

    @Test func `lifetimes, names and constraints are those of the plan`() async throws {
        var plan = CeremonyPlan()
        (plan.name, plan.organisation, plan.keyType) = ("Example", "Example Ltd", "p384")
        (plan.rootLifetime, plan.intermediateLifetime) = (100 * 86_400, 50 * 86_400)
        plan.permitted = ["corp.example"]
        let ceremony = Self.ceremony(in: place)
        _ = try await ceremony.run(plan)
        let root = try readCertificate(ceremony.folder.root)
        let intermediate = try readCertificate(ceremony.folder.intermediate)
        #expect(root.notAfter.timeIntervalSince(root.notBefore) + 1 == 100 * 86_400)
        #expect(intermediate.notAfter.timeIntervalSince(intermediate.notBefore) + 1 == 50 * 86_400)
        #expect(root.subject.commonName?.hasPrefix("Example Root ") == true)
        #expect(intermediate.subject.description.contains("O=Example Ltd"))
        #expect(try IssuerDescription(intermediate).permittedNames == ["corp.example"])
        #expect(try IssuerDescription(root).permittedNames == nil)
        let text = try await Program.succeed("openssl", ["x509", "-in", ceremony.folder.intermediate, "-noout", "-text"])
        #expect(text.contains("secp384r1") && text.contains("ecdsa-with-SHA384"))
    }

    @Test func `two authorities of one name have different names in a trust store`() async throws {
        let (one, two) = (try await finished(in: place), Self.ceremony(in: other))
        _ = try await two.run(CeremonyPlan())
        #expect(try readCertificate(one.folder.root).subject != readCertificate(two.folder.root).subject)
    }

    @Test func `a given passphrase is written nowhere`() async throws {
        var ceremony = Self.ceremony(in: place)
        ceremony.rootPassphrase = Passphrase("of the root")
        ceremony.intermediatePassphrase = Passphrase("of the intermediate")
        _ = try await ceremony.run(CeremonyPlan())
        #expect(!exists(ceremony.folder.rootPassphrase))
        #expect(!exists(ceremony.folder.intermediatePassphrase))
        try await Program.succeed("openssl", ["pkey", "-in", ceremony.folder.rootKey, "-passin", "pass:of the root", "-noout"])
    }

    /// The files in the order in which they are made. Whatever the crash left, with or without the temporary file of the next step.
    @Test(arguments: 0...8)
    func `a set-up that stopped after any step is completed with the plan of its beginning`(steps: Int) async throws {
        let ceremony = try await finished(in: place)
        let folder = ceremony.folder
        var plan = CeremonyPlan()
        plan.permitted = ["corp.example"]
        try writeFile(plan.json, to: folder.plan, mode: 0o600)
        let order = [
            folder.settings, folder.rootPassphrase, folder.rootKey, folder.root, folder.intermediatePassphrase,
            folder.intermediateKey,
            folder.intermediate,
        ]
        let kept = Dictionary(
            uniqueKeysWithValues: try order.prefix(steps).map { ($0, try String(contentsOfFile: $0, encoding: .utf8)) })
        for file in order.dropFirst(steps) { unlink(file) }
        try place.write("ca/intermediate.key.12345.new", "half")
        #expect(try folder.state() == .unfinished)
        #expect(throws: Failure.self) { try folder.requireComplete() }

        _ = try await ceremony.run(CeremonyPlan())
        #expect(try folder.state() == .complete)
        for (file, text) in kept { #expect(try String(contentsOfFile: file, encoding: .utf8) == text, "\(file) was made anew") }
        #expect(try IssuerDescription(readCertificate(folder.intermediate)).permittedNames == ["corp.example"])
        _ = try openIssuer(folder, Settings(), environment: [:])
    }

    @Test(arguments: ["root.pem", "intermediate.pem", "intermediate.key"])
    func `a file that is missing from an authority in use is asked for and never made anew`(file: String) async throws {
        let ceremony = try await finished(in: place)
        unlink(place.path("ca/\(file)"))
        let failure = await #expect(throws: Failure.self) { try await ceremony.run(CeremonyPlan()) }
        #expect(failure?.status == .keyFile)
        #expect(failure?.sentence.contains(file) == true)
        #expect(!exists(place.path("ca/\(file)")))
    }

    @Test func `a complete authority is left as it is`() async throws {
        let ceremony = try await finished(in: place)
        let before = try String(contentsOfFile: ceremony.folder.root, encoding: .utf8)
        #expect(try await ceremony.run(CeremonyPlan()).made.isEmpty)
        #expect(try String(contentsOfFile: ceremony.folder.root, encoding: .utf8) == before)
    }

    @Test func `files that do not belong together make no issuer`() async throws {
        let (one, two) = (try await finished(in: place), Self.ceremony(in: other))
        _ = try await two.run(CeremonyPlan())
        try writeFile(Array(String(contentsOfFile: two.folder.root, encoding: .utf8).utf8), to: one.folder.root, mode: 0o644)
        let failure = #expect(throws: Failure.self) { try openIssuer(one.folder, Settings(), environment: [:]) }
        #expect(failure?.status == .keyFile)
    }

    @Test func `passphrases that are missing, wrong or open to others are told apart`() async throws {
        let ceremony = try await finished(in: place)
        let folder = ceremony.folder
        func status(_ settings: Settings = Settings(), _ environment: [String: String] = [:]) -> ProcessStatus? {
            do {
                _ = try openIssuer(folder, settings, environment: environment)
                return nil
            } catch { return error.status }
        }
        #expect(status() == nil)
        let right = try String(contentsOfFile: folder.intermediatePassphrase, encoding: .utf8).trimmingCharacters(in: .newlines)
        chmod(folder.intermediatePassphrase, 0o640)
        #expect(status() == .openPassphrase)
        try writeFile(Array("wrong\n".utf8), to: folder.intermediatePassphrase, mode: 0o600)
        #expect(status() == .wrongPassphrase)

        var settings = Settings()
        settings.passphraseEnvironment = "SECRET"
        #expect(status(settings) == .wrongPassphrase)
        #expect(status(settings, ["SECRET": right]) == nil)
        settings = Settings()
        settings.intermediatePassphrase = right
        #expect(status(settings, ["CHANCERY_INTERMEDIATE_PASSPHRASE": right]) == nil)
        let credentials = try TemporaryFolder()
        try credentials.write("intermediate-passphrase", right, mode: 0o400)
        #expect(status(Settings(), ["CREDENTIALS_DIRECTORY": credentials.path]) == nil)
        chmod(folder.intermediateKey, 0o644)
        #expect(status(settings, ["CHANCERY_INTERMEDIATE_PASSPHRASE": right]) == .openPassphrase)
    }
}

struct AddressesTests {
    private func addresses(_ change: (inout Settings) -> Void = { _ in }, machine: String = "Host.example") -> Addresses {
        var settings = Settings()
        change(&settings)
        let listen = Endpoint(host: "::", port: settings.listen.port == 0 ? 4711 : settings.listen.port)
        return Addresses(settings, listen: listen, httpListen: Endpoint(host: "::", port: 8080), machine: machine)
    }

    @Test func `the URL is made from the machine's name, the listener's address, or what was set`() {
        #expect(addresses().external == "https://host.example:8443")
        #expect(addresses().publication == "http://host.example:8080")
        #expect(addresses().names == ["host.example", "localhost", "127.0.0.1", "::1"])
        #expect(addresses(machine: "not a name").external == "https://localhost:8443")
        #expect(addresses { $0.listen = Endpoint(host: "127.0.0.1", port: 0) }.external == "https://127.0.0.1:4711")
        #expect(addresses { $0.listen = Endpoint(host: "::1", port: 0) }.external == "https://[::1]:4711")
        #expect(addresses { $0.listen = Endpoint(host: "*", port: 443) }.external == "https://host.example")
        let set = addresses { $0.externalURL = "https://ca.example.org" }
        #expect(set.directory == "https://ca.example.org/acme/default/directory")
        #expect(set.publication == "http://ca.example.org:8080")
        #expect(set.names.first == "ca.example.org")
        #expect(addresses { $0.names = ["a.example"] }.names == ["a.example"])
    }

    @Test func `a shell takes the copyable lines as they are meant`() async throws {
        let root = "/tmp/it's a $(folder)/root.pem"
        let lines = firstCertificateLines(directory: "https://h:1/acme/default/directory", root: root)
        #expect(lines.count == 4)
        for line in lines.dropFirst() {
            let echoed = try await Program.succeed("sh", ["-c", "printf %s \(quotedForShell(root))"])
            #expect(echoed == root)
            #expect(line.contains(quotedForShell(root)))
        }
    }
}

struct PortReservationTests {
    @Test func `port 0 becomes a number, and a listener may bind beside the reservation`() throws {
        let one = try PortReservation(Endpoint(host: "127.0.0.1", port: 0), setting: "listen")
        #expect(one.bound.port > 0)
        let two = try PortReservation(one.bound, setting: "listen")
        #expect(two.bound == one.bound)
    }

    @Test(arguments: ["192.0.2.1", "no-such-host.invalid"])
    func `an address of another machine is told`(host: String) {
        let failure = #expect(throws: Failure.self) {
            _ = try PortReservation(Endpoint(host: host, port: 0), setting: "http-listen").bound
        }
        #expect(failure?.status == .addressUnavailable)
        #expect(failure?.sentence.contains("http-listen") == true)
    }
}

struct SerialNumberTests {
    @Test(arguments: ["0a1b2c", "0A:1B:2C", "0x0a1b2c", "A:1B:2C", "0a 1b 2c"])
    func `serial numbers are read as people copy them`(text: String) throws {
        #expect(try serialNumber(text) == [0x0A, 0x1B, 0x2C])
    }

    @Test(arguments: ["", "0x", "zz", "-1", "+a", "1é", "0a1b\n", String(repeating: "ab", count: 22)])
    func `what is no serial number is a usage error`(text: String) {
        let failure = #expect(throws: Failure.self) { try serialNumber(text) }
        #expect(failure?.status == .usage)
    }
}

struct PrintableTests {
    @Test func `what a stranger sent cannot move the cursor or the columns`() {
        var table = Table(["A", "B"])
        table.add(["x\u{1B}[2J\ny", "z"])
        #expect(table.text == "A              B\nx\\u{1b}[2J\\ny  z")
    }
}
