import Foundation
import TestSupport
import Testing

@testable import Agent

/// What suites about servers that get a certificate for `a.test` share.
protocol DeploymentSuite {
    var folder: TemporaryFolder { get }
    var time: SimulatedTime { get }
    var events: EventList { get }
    var ca: FakeCA { get }
}

extension DeploymentSuite {
    static func begin(_ time: SimulatedTime) async throws -> (TemporaryFolder, FakeCA) {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
        return (folder, try await FakeCA(time))
    }

    static func has(_ programs: String...) -> Bool {
        programs.allSatisfy { FileManager.default.isExecutableFile(atPath: Program.find($0)) }
    }

    /// - Parameter patience: the real time that half a second of the agent's takes.
    func agent(_ patience: Duration = .milliseconds(250)) -> CertificateAgent {
        let time = time
        return ca.agent(
            folder.path("store"),
            sleep: {
                try await Task.sleep(for: min($0, patience))
                time.advance($0 / .seconds(1))
            }, tell: { [events] in events.add($0) })
    }

    func request(_ targets: [String] = []) -> IssueRequest {
        var request = IssueRequest(names: ["a.test"])
        (request.ca, request.method, request.preflight) = (ca.directory, .webroot(folder.path("www")), false)
        request.agreesToTerms = { _ in true }
        if !targets.isEmpty { request.targets = targets }
        return request
    }

    var forced: RenewRequest {
        var request = RenewRequest()
        (request.preflight, request.force) = (false, true)
        return request
    }

    var served: String { folder.path("store/served/a.test") }

    /// The serial that a server shows, as openssl sees it.
    func shown(_ port: Int, _ flags: [String] = []) async throws -> String {
        let session = try await Program.run(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-servername", "a.test"] + flags)
        return try await Program.run("openssl", ["x509", "-noout", "-serial"], input: session.output).output
    }

    func serial() throws -> String { "serial=\(try agent().show("a.test").summary.serial)\n" }

    func listening(_ port: Int) async throws {
        try await eventually("port \(port)", limit: 60) {
            try await Program.run("bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"]).status == 0
        }
    }

    /// Issues once and shows it to nobody, so that `served` is there before the server starts.
    func prepare() async throws {
        let nothing = try folder.write("nothing.sh", "#!/bin/sh\n", mode: 0o755)
        #expect(try await agent().issue(request(["exec:run=\(nothing)"])).code == .changed)
        #expect(FileManager.default.fileExists(atPath: "\(served)/combined.pem"))
    }

    /// Issues to a target, then renews, and sees both times that the server shows it.
    func shows(_ target: String, _ port: Int, _ flags: [String] = [], _ program: RunningProgram? = nil) async throws {
        #expect(try await agent().issue(request([target])).code == .changed, "\(program?.output ?? "") \(events.all)")
        let first = try serial()
        #expect(try await shown(port, flags) == first)
        #expect(try await agent().renew(forced).code == .changed, "\(program?.output ?? "") \(events.all)")
        #expect(try serial() != first)
        #expect(try await shown(port, flags) == serial())
        #expect(try agent().show("a.test").deployment?.state == .verified)
    }
}
