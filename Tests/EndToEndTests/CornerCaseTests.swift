import Foundation
import TestSupport
import Testing

/// `Scripts/corner_cases.py`: what no ordinary client does, written in Python over josepy and cryptography.
@Suite(.serialized) struct CornerCaseTests {
    @Test func `RFC 8555 holds in its corners for a client that shares no code with us`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let outcome = try await Program.run(
            Tools.certbot("python"),
            [
                Tools.script("corner_cases.py"), authority.directory, authority.root, "\(authority.http01Port)",
                "\(authority.tlsALPN01Port)",
            ], limit: 300)
        #expect(outcome.status == 0, "\(outcome)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("ok ") }.count >= 19 && lines.allSatisfy { $0.hasPrefix("ok ") }, "\(outcome)")
    }
}
