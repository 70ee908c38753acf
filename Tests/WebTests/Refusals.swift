import ACME
import Authority
import Foundation
import Store
import Testing

enum RecordIDs {
    static let unknown = RecordID(at: Date(timeIntervalSince1970: 1_000_000), random: 7).text
}

/// Sends, and holds the answer against what RFC 8555 sections 6.5 and 6.7 want of every refusal.
func expectRefusal(_ hostile: Hostile, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let here = try await HostileWorld.shared.value
    let answer = try await here.world.ask(hostile.make(here))
    #expect(answer.status == hostile.status, "\(answer.text)", sourceLocation: sourceLocation)
    #expect(answer.problem == hostile.type, "\(answer.text)", sourceLocation: sourceLocation)
    #expect(answer.json?["status"]?.int == hostile.status, sourceLocation: sourceLocation)
    #expect(answer.json?["detail"]?.string?.isEmpty == false, sourceLocation: sourceLocation)
    #expect(answer["Content-Language"] == "en", sourceLocation: sourceLocation)
    let nonces = answer.all("Replay-Nonce")
    #expect(nonces.count == 1, sourceLocation: sourceLocation)
    #expect(nonces.allSatisfy { here.world.nonces.spend($0) }, "the nonce must be a fresh one", sourceLocation: sourceLocation)
    #expect(answer.all("Link").contains("<\(World.acme)/directory>;rel=\"index\""), sourceLocation: sourceLocation)
    if hostile.type == "badSignatureAlgorithm" {
        let listed = answer.json?["algorithms"]?.array?.compactMap(\.string)
        #expect(listed == SignatureAlgorithm.allCases.map(\.rawValue), sourceLocation: sourceLocation)
    }
    if hostile.status == 401 { #expect(answer["WWW-Authenticate"] != nil, sourceLocation: sourceLocation) }
    #expect(try await here.isUnchanged(), sourceLocation: sourceLocation)
}
