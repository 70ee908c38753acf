import ACME
import Authority
import Foundation
import Logging
import Measures
import NIOSSL
import PKIX
import ServiceLifecycle
import Signing
import Store
import Synchronization
import TestSupport
import Validation
import Web

/// A whole authority behind both listeners on free ports of the loopback: real store, real signer, real TLS. Only the targets of
/// challenges are made up: what `verdict` says of a name holds.
final class World: Sendable {
    static let external = "https://ca.test:8443"
    static let acme = external + "/acme/default"

    let authority: CertificateAuthority
    let store: AuthorityStore
    let nonces = NonceOffice()
    let port: Int
    let httpPort: Int
    let monitoringPort: Int
    let plainPort: Int
    let box: TLSContextBox
    let lines: Lines
    private let group: ServiceGroup
    private let running: Task<Void, any Error>
    private let folder: TemporaryFolder

    init(
        terms: String? = nil, delays: [Duration] = [], alternates: [Int] = [],
        limits: ConnectionLimits = ConnectionLimits(), maximumConnections: Int = 4096, maximumPerAddress: Int = 4096,
        load: LoadLimits = LoadLimits(), proxies: TrustedProxies = TrustedProxies(), isPlain: Bool = false,
        isMonitored: Bool = false, tracing: RequestTracing? = nil,
        faults: @escaping @Sendable () async -> [String] = { [] },
        verdict: @escaping @Sendable (Attempt) async -> Result<Evidence, Problem> = { _ in
            .success(Evidence(address: nil, summary: "so be it"))
        }
    ) async throws {
        let now = Date()
        let lines = Lines()
        self.lines = lines
        folder = try TemporaryFolder()
        store = try await AuthorityStore.open(path: folder.path("chancery.sqlite"), now: now)
        var (issuer, serverChain, serverKey) = try await Self.issuer(at: now)
        for number in alternates { issuer.alternates[number] = try await Self.alternate(to: issuer, at: now) }
        var policy = AuthorityPolicy()
        policy.termsOfService = terms
        policy.validationDelays = delays
        policy.revocationDebounce = .zero
        let logger = Logger(label: "test") { _ in LineHandler(lines) }
        authority = CertificateAuthority(
            store: store, issuer: issuer, urls: PublicationURLs(base: "http://ca.test:8080"), policy: policy, validate: verdict,
            logger: logger)
        try await authority.prepare()
        box = TLSContextBox(try TLSContextBox.context(chain: serverChain, key: serverKey))
        var settings = WebSettings(
            listen: .init(host: "127.0.0.1", port: 0), httpListen: .init(host: "127.0.0.1", port: 0), externalURL: Self.external)
        settings.limits = limits
        // Clients that are left open should not hold up the end of a test.
        settings.limits.farewell = min(limits.farewell, .milliseconds(100))
        settings.maximumConnections = maximumConnections
        settings.maximumConnectionsPerAddress = maximumPerAddress
        (settings.load, settings.proxies) = (load, proxies)
        // A busy machine's delays are not what these tests are about.
        settings.load.delays = (.seconds(60), .seconds(120))
        if isPlain { settings.plainListen = .init(host: "127.0.0.1", port: 0) }
        settings.termsOfService = terms
        settings.name = "Test <CA>"
        if isMonitored { settings.monitoringListen = .init(host: "127.0.0.1", port: 0) }
        var base = WebFoundation(authority: authority, nonces: nonces, tls: box, around: .real, logger: logger)
        base.checks = { await faults().map { ReadinessCheck("test", unless: $0, remedy: "Wait.") } }
        base.readings = { [Reading("test_of_another_room", .gauge, "From another room.", 7)] }
        base.tracing = tracing
        let (bound, continuation) = AsyncStream<(ListenerKind, Int)>.makeStream()
        base.bound = { continuation.yield(($0, $1)) }
        let group = ServiceGroup(services: authority.services + services(settings, base), logger: logger)
        self.group = group
        running = Task { try await group.run() }
        var ports: [ListenerKind: Int] = [:]
        for await (kind, port) in bound {
            ports[kind] = port
            if ports.count == 2 + (isMonitored ? 1 : 0) + (isPlain ? 1 : 0) { break }
        }
        (port, httpPort, monitoringPort) = (ports[.https] ?? 0, ports[.http] ?? 0, ports[.monitoring] ?? 0)
        plainPort = ports[.plain] ?? 0
    }

    /// Begins to shut down, as SIGTERM does.
    func beginShutdown() async { await group.triggerGracefulShutdown() }
    /// Ends when everything has ended.
    func ended() async throws {
        try await running.value
        await store.close()
    }
    func stop() async throws {
        await beginShutdown()
        try await ended()
    }

    static func issuer(at now: Date) async throws -> (Issuer, [NIOSSLCertificate], NIOSSLPrivateKey) {
        func serial(_ last: UInt8) -> [UInt8] { [UInt8](repeating: 0x11, count: 15) + [last] }
        let rootKey = try CertificateKey(.p256)
        let day = 86_400.0
        let name = DistinguishedName(commonName: "Test Root")
        let rootBytes = ToBeSigned(
            .root(
                name: name, key: rootKey.publicKey, serial: serial(1), notBefore: now.addingTimeInterval(-day),
                notAfter: now.addingTimeInterval(3650 * day)), signedWith: rootKey.scheme)
        let root = try Certificate509(
            der: await Linted(root: rootBytes, key: rootKey.publicKey, at: now).signed { try rootKey.sign($0) })
        let above = try IssuerDescription(root)
        let key = try CertificateKey(.p256)
        let bytes = ToBeSigned(
            .intermediate(
                name: DistinguishedName(commonName: "Test Issuer"), key: key.publicKey, issuer: above, serial: serial(2),
                notBefore: now.addingTimeInterval(-day), notAfter: now.addingTimeInterval(1825 * day)), signedWith: rootKey.scheme
        )
        let own = try Certificate509(
            der: await Linted(bytes, as: .intermediate, issuer: above, at: now).signed { try rootKey.sign($0) })
        let issuer = try Issuer(signer: KeyFileSigner(key), certificates: [own, root])
        let pem = SigningKey(.p256).pem
        let serverKey = try CertificateKey(pem: pem)
        let leaf = ToBeSigned(
            .leaf(
                names: ["ca.test"], key: serverKey.publicKey, issuer: issuer.description, serial: serial(3),
                notBefore: now.addingTimeInterval(-60), notAfter: now.addingTimeInterval(30 * day),
                crlURL: "http://ca.test/a.crl",
                issuerURL: "http://ca.test/a.cer"), signedWith: key.scheme)
        let der = try await Linted(leaf, issuer: issuer.description, at: now).signed { try key.sign($0) }
        return (
            issuer, [try NIOSSLCertificate(bytes: der, format: .der)], try NIOSSLPrivateKey(bytes: Array(pem.utf8), format: .pem)
        )
    }

    /// Another authority's certificate for the issuer.
    static func alternate(to issuer: Issuer, at now: Date) async throws -> AlternateChain {
        let key = try CertificateKey(.p256)
        let (begin, end) = (now.addingTimeInterval(-60), now.addingTimeInterval(30 * 86_400))
        let root = ToBeSigned(
            .root(
                name: DistinguishedName(commonName: "Other Root"), key: key.publicKey,
                serial: [UInt8](repeating: 0x22, count: 16),
                notBefore: begin, notAfter: end), signedWith: key.scheme)
        let other = try Certificate509(
            der: await Linted(root: root, key: key.publicKey, at: now).signed { try key.sign($0) })
        let above = try IssuerDescription(other)
        let bytes = ToBeSigned(
            .intermediate(
                name: issuer.certificate.subject, key: try PublicKeyInfo(der: issuer.certificate.publicKey), issuer: above,
                serial: [UInt8](repeating: 0x33, count: 16), notBefore: begin, notAfter: end), signedWith: key.scheme)
        let cross = try Certificate509(
            der: await Linted(bytes, as: .intermediate, issuer: above, at: now).signed { try key.sign($0) })
        return try AlternateChain([cross, other], issuer: issuer.certificate, root: issuer.root)
    }

    func client() async throws -> WireClient { try await WireClient(port: port) }

    /// One request on a connection of its own.
    func ask(_ wire: Wire) async throws -> WireClient.Answer { try await ask(wire.bytes, toHead: wire.method == "HEAD") }
    func ask(_ bytes: [UInt8], toHead: Bool = false) async throws -> WireClient.Answer {
        let client = try await client()
        defer { Task { await client.close() } }
        try await client.send(bytes)
        return try await client.answer(toHead: toHead)
    }
    func get(_ path: String, _ headers: [String] = [], method: String = "GET") async throws -> WireClient.Answer {
        try await ask(Wire(method: method, path, headers: ["Host: ca.test"] + headers))
    }
    /// Over plain HTTP.
    func getPlain(_ path: String, method: String = "GET", port: Int? = nil) async throws -> WireClient.Answer {
        let client = try await WireClient(port: port ?? httpPort, tls: false)
        defer { Task { await client.close() } }
        try await client.send(Wire(method: method, path).bytes)
        return try await client.answer(toHead: method == "HEAD")
    }

    func holder(_ kind: SigningKey.Kind = .p256) async throws -> Holder {
        let key = SigningKey(kind)
        let forge = Forge(key, nonce: nonces.issue(), url: Self.acme + "/new-account", payload: #"{"termsOfServiceAgreed":true}"#)
        let answer = try await ask(Wire("/acme/default/new-account", forge.body))
        guard answer.status == 201, let kid = answer["Location"] else { throw Unexpected(answer: answer) }
        return Holder(world: self, key: key, kid: kid)
    }

    struct Unexpected: Error { let answer: WireClient.Answer }
}

/// An account and whoever has its key.
struct Holder: Sendable {
    let world: World
    let key: SigningKey
    let kid: String

    func forge(_ url: String, _ payload: String) -> Forge {
        Forge(key, kid: kid, nonce: world.nonces.issue(), url: url, payload: payload)
    }
    /// - Parameter url: as handed out.
    func post(_ url: String, _ payload: String, headers: [String] = []) async throws -> WireClient.Answer {
        var wire = Wire(String(url.dropFirst(World.external.count)), forge(url, payload).body)
        wire.headers += headers
        return try await world.ask(wire)
    }
    func order(_ names: String...) async throws -> WireClient.Answer {
        let identifiers = names.map { #"{"type":"dns","value":"\#($0)"}"# }.joined(separator: ",")
        return try await post(World.acme + "/new-order", #"{"identifiers":[\#(identifiers)]}"#)
    }
    var id: RecordID { RecordID(text: String(kid.split(separator: "/").last ?? "")) ?? .first }
}

extension WireClient.Answer {
    var json: JSON? { try? JSON(parsing: body) }
    /// The last part of the problem's type.
    var problem: String? {
        guard self["Content-Type"] == "application/problem+json" else { return nil }
        return json?["type"]?.string?.split(separator: ":").last.map(String.init)
    }
}

/// What was logged.
final class Lines: Sendable {
    struct Line: Sendable { let message: String, metadata: [String: String] }
    private let kept = Mutex<[Line]>([])
    func add(_ line: Line) { kept.withLock { $0.append(line) } }
    var all: [Line] { kept.withLock { $0 } }
}

struct LineHandler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    init(_ lines: Lines) { self.lines = lines }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        lines.add(.init(message: "\(event.message)", metadata: all.mapValues { "\($0)" }))
    }
}
