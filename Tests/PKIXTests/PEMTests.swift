import PKIX
import TestSupport
import Testing

@Suite struct PEMTests {
    @Test(arguments: [0, 1, 2, 3, 47, 48, 49, 95, 96, 97, 1000])
    func `what is written is read back, by openssl too`(count: Int) async throws {
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
        let text = PEM.encode("TEST DATA", bytes)
        #expect(text.hasSuffix("-----END TEST DATA-----\n"))
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        guard count > 0 else { return }
        #expect(try PEM.decode(text) == [PEM.Block(label: "TEST DATA", bytes: bytes)])
        let body = text.split(separator: "\n").dropFirst().dropLast().joined(separator: "\n") + "\n"
        let folder = try TemporaryFolder()
        try await Program.succeed("openssl", ["base64", "-d", "-in", folder.write("t", body), "-out", folder.path("o")])
    }

    @Test func `blocks follow each other, with either line end and white space between`() throws {
        let text = (PEM.encode("A", [1]) + "\n  \n" + PEM.encode("B", [2, 3])).replacing("\n", with: "\r\n")
        #expect(try PEM.decode(text) == [.init(label: "A", bytes: [1]), .init(label: "B", bytes: [2, 3])])
    }

    @Test func `text around blocks is refused, unless it is allowed`() throws {
        let text = "Certificate:\n" + PEM.encode("A", [1]) + "more\n"
        #expect(throws: Unacceptable.self) { _ = try PEM.decode(text) }
        #expect(try PEM.decode(text, allowingText: true).count == 1)
    }

    @Test(arguments: [
        "", "\n", "AQ==", "-----BEGIN A-----\nAQ==\n", "-----END A-----\n", "-----BEGIN A-----\nAQ==\n-----END B-----\n",
        "-----BEGIN A-----\nAQ==\n-----BEGIN A-----\nAQ==\n-----END A-----\n", "-----BEGIN A-----\n-----END A-----\n",
        "-----BEGIN A-----\nAQ=\n-----END A-----\n", "-----BEGIN A-----\nAQ\n-----END A-----\n",
        "-----BEGIN A-----\nAR==\n-----END A-----\n",
        "-----BEGIN A-----\nA===\n-----END A-----\n", "-----BEGIN A-----\n====\n-----END A-----\n",
        "-----BEGIN A-----\nAQ==AQ==\n-----END A-----\n", "-----BEGIN A-----\nA Q==\n-----END A-----\n",
        "-----BEGIN A-----\nA_-=\n-----END A-----\n", "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAQ==\n-----END A-----\n",
        "-----BEGIN a-----\nAQ==\n-----END a-----\n", "-----BEGIN A----\nAQ==\n-----END A----\n",
        "-----BEGIN -----\nAQ==\n-----END -----\n", "-----BEGIN A-----AQ==-----END A-----\n",
        " -----BEGIN A-----\nAQ==\n-----END A-----\n", "-----BEGIN A-----\n\u{e4}Q==\n-----END A-----\n", "-----BEGIN -",
        "-----BEGIN ",
        "-----BEGIN A-----\n" + String(repeating: "AAAA", count: 20) + "\n-----END A-----\n",
    ])
    func `what strays from the form is refused`(text: String) {
        #expect(throws: Unacceptable.self) { _ = try PEM.decode(text) }
    }

    @Test func `a text longer than allowed is refused`() {
        #expect(throws: Unacceptable.self) {
            _ = try PEM.decode(PEM.encode("A", [UInt8](repeating: 1, count: 100)), maximum: 100)
        }
    }
}
