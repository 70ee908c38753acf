import ACME
import Authority
import Foundation
import Store
import Testing

/// One server for all requests that must change nothing, with two accounts, a deactivated one and an order with its parts.
struct HostileWorld: Sendable {
    let world: World
    let holder: Holder
    let other: Holder
    let gone: Holder
    let order: String
    let authorization: String
    let challenge: String
    let foreignOrder: String
    private let counts: Counts

    struct Counts: Equatable, Sendable {
        let accounts: Int
        let orders: [String]
        let contacts: [String]
        let keys: [String]
        let challenge: String
        let certificates: Int
    }

    static let shared = Task { try await HostileWorld() }

    private init() async throws {
        world = try await World(verdict: { _ in .failure(Problem(.connection, 400, "nobody is to be asked")) })
        holder = try await world.holder()
        other = try await world.holder(.p384)
        gone = try await world.holder()
        _ = try await gone.post(gone.kid, #"{"status":"deactivated"}"#)
        let answer = try await holder.order("a.example", "*.b.example")
        order = answer["Location"] ?? ""
        authorization = answer.json?["authorizations"]?.array?.first?.string ?? ""
        let object = try await holder.post(authorization, "").json
        challenge = object?["challenges"]?.array?.first?["url"]?.string ?? ""
        foreignOrder = try await other.order("c.example")["Location"] ?? ""
        counts = try await Self.counts(world, holder, other, challenge)
    }

    /// Whether everything is as it was in the beginning.
    func isUnchanged() async throws -> Bool { try await Self.counts(world, holder, other, challenge) == counts }

    private static func counts(_ world: World, _ holder: Holder, _ other: Holder, _ challenge: String) async throws -> Counts {
        let stored = try await world.store.counts()
        var orders: [String] = []
        var keys: [String] = []
        var contacts: [String] = []
        for each in [holder, other] {
            orders += try await world.store.orders(of: each.id, after: nil, limit: 100).map(\.id.text)
            let account = try await world.store.account(each.id)
            keys.append(account?.key.thumbprint ?? "")
            contacts += account?.contacts ?? []
        }
        let id = RecordID(text: String(challenge.split(separator: "/").dropLast().last ?? ""))
        var states = ""
        if let id {
            states = try await world.store.authorization(id)?.challenges.map(\.status.rawValue).joined(separator: ",") ?? "none"
        }
        return Counts(
            accounts: stored.accounts, orders: orders, contacts: contacts, keys: keys, challenge: states,
            certificates: stored.certificates)
    }
}

/// A request, and exactly what must come back.
struct Hostile: Sendable, CustomTestStringConvertible {
    let name: String
    let status: Int
    let type: String
    let make: @Sendable (HostileWorld) -> [UInt8]
    var testDescription: String { name }

    /// Bytes of any kind.
    init(raw name: String, _ status: Int, _ type: String = "malformed", _ make: @escaping @Sendable (HostileWorld) -> String) {
        (self.name, self.status, self.type) = (name, status, type)
        self.make = { Array(make($0).utf8) }
    }
    /// A whole request.
    init(wire name: String, _ status: Int, _ type: String = "malformed", make: @escaping @Sendable (HostileWorld) -> Wire) {
        (self.name, self.status, self.type) = (name, status, type)
        self.make = { make($0).bytes }
    }
    /// A body for newOrder, or for the path given.
    init(
        _ name: String, _ status: Int, _ type: String = "malformed", at path: String = "/acme/default/new-order",
        body make: @escaping @Sendable (HostileWorld) -> String
    ) {
        self.init(wire: name, status, type) { Wire(path, make($0)) }
    }
    /// newOrder by the holder, with a forged part.
    init(
        order name: String, _ status: Int, _ type: String = "malformed",
        _ make: @escaping @Sendable (Forge, HostileWorld) -> Forge
    ) {
        self.init(name, status, type) { make($0.newOrder, $0).body }
    }
    /// newAccount by a new key, with a forged part.
    init(
        account name: String, _ status: Int, _ type: String = "malformed",
        _ make: @escaping @Sendable (Forge, HostileWorld) -> Forge
    ) {
        self.init(name, status, type, at: "/acme/default/new-account") { make($0.newAccount(), $0).body }
    }
    /// A proper request of the holder to any URL.
    init(
        post name: String, _ status: Int, _ type: String = "malformed", at url: @escaping @Sendable (HostileWorld) -> String,
        _ payload: String
    ) {
        self.init(wire: name, status, type) { hostile in
            let url = url(hostile)
            return Wire(String(url.dropFirst(World.external.count)), hostile.holder.forge(url, payload).body)
        }
    }
}

extension HostileWorld {
    static let good = #"{"identifiers":[{"type":"dns","value":"never.example"}]}"#

    /// Would be granted as it is.
    var newOrder: Forge { holder.forge(World.acme + "/new-order", Self.good) }
    func newAccount(_ kind: SigningKey.Kind = .p256) -> Forge {
        Forge(SigningKey(kind), nonce: world.nonces.issue(), url: World.acme + "/new-account")
    }
}
