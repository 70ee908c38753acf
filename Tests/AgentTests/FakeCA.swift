import ACME
import ACMEClient
import Agent
import Foundation
import PKIX
import Synchronization
import TestSupport

/// Time that moves only by sleeping.
final class SimulatedTime: Sendable {
    private let instant: Mutex<Date>
    init(_ start: Date = Date(timeIntervalSince1970: 1_800_000_000)) { instant = Mutex(start) }
    var now: Date { instant.withLock { $0 } }
    func advance(_ seconds: Double) { instant.withLock { $0.addTimeInterval(seconds) } }
}

/// A whole ACME server in memory, honest unless told otherwise: it believes every challenge at once.
final class FakeCA: Sendable {
    /// How it lies.
    struct Faults: Sendable {
        /// Changes an answer; `path` is the request's.
        var tamper: @Sendable (_ path: String, _ answer: inout WireAnswer) -> Void = { _, _ in }
        /// Names in the certificate, from those ordered.
        var names: @Sendable ([String]) -> [String] = { $0 }
        /// Certifies a key of its own.
        var otherKey = false
        /// Moves the validity.
        var shift = 0.0
        /// Seconds.
        var lifetime = 86_400 * 6
        /// Changes the chain file.
        var pem: @Sendable (String) -> String = { $0 }
        /// Nil: another one for each challenge.
        var token: String?
        var challengeTypes = ["http-01", "dns-01", "tls-alpn-01"]
        var authorizationsStayPending = false
        var authorizationsStartValid = false
        var ordersStayProcessing = false
        var terms: String?
        /// `dir` or `directory`.
        var directoryName = "dir"
        var bindingRequired = false
        /// Its names in CAA records.
        var identities: [String] = []
        /// Whether validations fail now.
        var refusesProofs: @Sendable () -> Bool = { false }
        /// Refuses an order by its payload.
        var refuseOrder: @Sendable (_ payload: String) -> WireAnswer? = { _ in nil }
        /// Answers questions for renewal information about the certificate of this identifier; nil: it offers none.
        var advice: (@Sendable (_ identifier: String) -> WireAnswer)?
        /// Serves alternate chains: the same certificate under each of these roots, cross-signed.
        var alternateRoots: [String] = []
        /// Makes the alternates lead to another certificate.
        var alternatesOfAnother = false
    }

    private struct State {
        var orders: [Int: (names: [String], csr: [UInt8]?, proved: Set<Int>)] = [:]
        var leaves: [Int: Certificate509] = [:]
        var requests: [(method: String, path: String, payload: String)] = []
        var accountKeys: Set<String> = []
        var nonce = 0
    }

    let base: String
    var directory: String { "\(base)/\(faults.directoryName)" }
    let time: SimulatedTime
    let faults: Faults
    private let state = Mutex(State())
    private let rootKey: CertificateKey
    private let root: Certificate509
    private let alternates: [Certificate509]

    init(_ time: SimulatedTime, _ faults: Faults = Faults(), base: String = "https://ca.test") async throws {
        (self.time, self.faults, self.base) = (time, faults, base)
        rootKey = try CertificateKey(.p256)
        let key = rootKey
        let description = CertificateDescription.root(
            name: DistinguishedName(commonName: "Fake Root"), key: key.publicKey,
            serial: [0x11] + [UInt8](repeating: 7, count: 15),
            notBefore: time.now - 86_400 * 400, notAfter: time.now + 86_400 * 3000)
        let linted = try Linted(
            root: ToBeSigned(description, signedWith: key.scheme), key: key.publicKey, at: time.now - 86_400 * 400)
        root = try Certificate509(der: try await linted.signed { try key.sign($0) })
        var alternates: [Certificate509] = []
        for name in faults.alternateRoots { alternates.append(try await Self.crossSigned(name, key.publicKey, at: time.now)) }
        self.alternates = alternates
    }

    /// The root's name and key in a certificate by another root.
    private static func crossSigned(_ name: String, _ key: PublicKeyInfo, at now: Date) async throws -> Certificate509 {
        let other = try CertificateKey(.p256)
        let description = CertificateDescription.root(
            name: DistinguishedName(commonName: name), key: other.publicKey, serial: [0x13] + [UInt8](repeating: 9, count: 15),
            notBefore: now - 86_400 * 400, notAfter: now + 86_400 * 3000)
        let self1 = try Linted(
            root: ToBeSigned(description, signedWith: other.scheme), key: other.publicKey, at: now - 86_400 * 400)
        let above = try Certificate509(der: try await self1.signed { try other.sign($0) })
        let issuer = try IssuerDescription(above)
        let below = CertificateDescription.intermediate(
            name: DistinguishedName(commonName: "Fake Root"), key: key, issuer: issuer,
            serial: [0x14] + [UInt8](repeating: 8, count: 15), notBefore: now - 86_400 * 300,
            notAfter: now + 86_400 * 2000)
        let linted = try Linted(
            ToBeSigned(below, signedWith: issuer.scheme), as: .intermediate, issuer: issuer, at: now - 86_400 * 300)
        return try Certificate509(der: try await linted.signed { try other.sign($0) })
    }

    /// Paths asked for so far, with the JWS's payload.
    var requests: [(method: String, path: String, payload: String)] { state.withLock { $0.requests } }

    /// A renewal window as a CA sends it.
    static func window(_ start: Date, _ end: Date, _ headers: [(name: String, value: String)] = []) -> WireAnswer {
        WireAnswer(
            status: 200, headers: headers,
            body: Array(
                #"{"suggestedWindow":{"start":"\#(RFC3339.string(start))","end":"\#(RFC3339.string(end))"},"explanationURL":"https://ca.test/why"}"#
                    .utf8))
    }

    /// Loses every account, as a CA does that is made anew.
    func forgetAccounts() { state.withLock { $0.accountKeys = [] } }

    /// - Parameter sleep: what waiting does; nil to move the simulated time.
    func agent(
        _ folder: String, chance: @escaping @Sendable () -> Double = { 0.5 },
        sleep: (@Sendable (Duration) async throws -> Void)? = nil,
        tell: @escaping @Sendable (AgentEvent) -> Void = { _ in }
    ) -> CertificateAgent {
        Self.agent(folder, [self], chance: chance, sleep: sleep, tell: tell)
    }

    /// An agent that reaches several CAs, each by its directory.
    static func agent(
        _ folder: String, _ authorities: [FakeCA], resolvers: [String] = [],
        chance: @escaping @Sendable () -> Double = { 0.5 },
        sleep: (@Sendable (Duration) async throws -> Void)? = nil, tell: @escaping @Sendable (AgentEvent) -> Void = { _ in }
    ) -> CertificateAgent {
        var configuration = ACMEClient.Configuration(product: "test/1")
        let time = authorities[0].time
        configuration.now = { time.now }
        configuration.sleep = sleep ?? { time.advance($0 / .seconds(1)) }
        return CertificateAgent(
            store: StoreFolder(folder), configuration: configuration, resolvers: resolvers, chance: chance, tell: tell,
            connect: { (directory, configuration) throws(ACMEClientError) in
                try ACMEClient(
                    directory: directory, configuration: configuration,
                    exchange: { (request) async throws(ACMEClientError) in
                        guard let asked = authorities.first(where: { request.url.hasPrefix($0.base + "/") }) else {
                            throw .transport("no such host", url: request.url)
                        }
                        return try await asked.answer(request)
                    })
            })
    }

    // MARK: Answers

    fileprivate func answer(_ request: WireRequest) async throws(ACMEClientError) -> WireAnswer {
        let path = String(request.url.dropFirst(base.count))
        let message = request.body.flatMap { try? SignedMessage($0) }
        let payload = String(decoding: message?.payload ?? [], as: UTF8.self)
        state.withLock { $0.requests.append((request.method, path, payload)) }
        var answer = await honest(request, path, message, payload)
        let nonce = state.withLock {
            $0.nonce += 1
            return $0.nonce
        }
        answer.headers.append(("Replay-Nonce", "nonce-\(nonce)"))
        faults.tamper(path, &answer)
        return answer
    }

    private func honest(_ request: WireRequest, _ path: String, _ message: SignedMessage?, _ payload: String) async -> WireAnswer
    {
        let parts = path.split(separator: "/").map(String.init)
        let number = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        switch parts.first ?? "" {
        case "dir", "directory":
            let meta =
                #"{"termsOfService":\#(faults.terms.map { "\"\($0)\"" } ?? "null"),"externalAccountRequired":\#(faults.bindingRequired),"caaIdentities":[\#(faults.identities.map { "\"\($0)\"" }.joined(separator: ","))]}"#
            return json(
                200,
                #"{"newNonce":"\#(base)/nonce","newAccount":"\#(base)/acct","newOrder":"\#(base)/order","revokeCert":"\#(base)/revoke","keyChange":"\#(base)/key",\#(faults.advice == nil ? "" : "\"renewalInfo\":\"\(base)/ari\",")"x1":"https://community.test","meta":\#(meta)}"#
            )
        case "nonce": return WireAnswer(status: 204)
        case "ari": return faults.advice?(parts.last ?? "") ?? problem(404, "malformed", "no advice")
        case "acct":
            guard case .jwk(let key)? = message?.signer else { return json(200, #"{"status":"valid"}"#) }
            let isKnown = state.withLock { !$0.accountKeys.insert(key.thumbprint).inserted }
            if payload.contains("onlyReturnExisting"), !isKnown {
                state.withLock { _ = $0.accountKeys.remove(key.thumbprint) }
                return problem(400, "accountDoesNotExist", "no such account")
            }
            return json(isKnown ? 200 : 201, #"{"status":"valid"}"#, [("Location", "\(base)/account/1")])
        case "account": return json(200, #"{"status":"valid","contact":["mailto:a@b.test"]}"#)
        case "key":
            if let inner = try? SignedMessage(inner: message?.payload ?? []), case .jwk(let key) = inner.signer {
                state.withLock { _ = $0.accountKeys.insert(key.thumbprint) }
            }
            return json(200, "{}")
        case "order":
            if case .kid? = message?.signer, state.withLock({ $0.accountKeys.isEmpty }) {
                return problem(400, "accountDoesNotExist", "never heard of it")
            }
            if let refusal = faults.refuseOrder(payload) { return refusal }
            let names = (try? JSONDecoder.acme.decode(NewOrder.self, from: Data(payload.utf8)))?.identifiers.map(\.value) ?? []
            let new = state.withLock { state in
                let id = state.orders.count + 1
                state.orders[id] = (names, nil, faults.authorizationsStartValid ? Set(names.indices) : [])
                return id
            }
            return json(201, order(new), [("Location", "\(base)/o/\(new)")])
        case "o": return json(200, order(number))
        case "a":
            if payload.contains("deactivated") { return json(200, "{}") }
            return json(200, authorization(number, Int(parts.last ?? "") ?? 0))
        case "c":
            let index = Int(parts[2]) ?? 0
            if !faults.authorizationsStayPending { state.withLock { _ = $0.orders[number]?.proved.insert(index) } }
            return json(
                200, #"{"type":"\#(parts[3])","url":"\#(base)\#(path)","status":"processing","token":"\#(token(number, index))"}"#
            )
        case "f":
            let csr = (try? JSONDecoder.acme.decode(Finalize.self, from: Data(payload.utf8))).flatMap {
                try? Base64URL.decode($0.csr)
            }
            state.withLock { $0.orders[number]?.csr = csr }
            return json(200, order(number))
        case "cert": return await certificate(number, alternate: parts.count > 3 ? Int(parts[3]) : nil)
        case "revoke": return json(200, "{}")
        default: return problem(404, "malformed", "no \(path)")
        }
    }

    private func json(_ status: Int, _ text: String, _ headers: [(name: String, value: String)] = []) -> WireAnswer {
        WireAnswer(status: status, headers: [("Content-Type", "application/json")] + headers, body: Array(text.utf8))
    }

    private func problem(_ status: Int, _ type: String, _ detail: String) -> WireAnswer {
        json(status, #"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"\#(detail)"}"#)
    }

    private func token(_ order: Int, _ index: Int) -> String {
        faults.token ?? "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-\(order)-\(index)"
    }

    private func order(_ id: Int) -> String {
        let (names, csr, proved) = state.withLock { $0.orders[id] } ?? ([], nil, [])
        let status =
            csr != nil
            ? (faults.ordersStayProcessing ? "processing" : "valid") : proved.count == names.count ? "ready" : "pending"
        let identifiers = names.shuffled().map { #"{"type":"dns","value":"\#($0)"}"# }.joined(separator: ",")
        let authorizations = names.indices.shuffled().map { "\"\(base)/a/\(id)/\($0)\"" }.joined(separator: ",")
        let certificate = status == "valid" ? #","certificate":"\#(base)/cert/\#(id)""# : ""
        return
            #"{"status":"\#(status)","identifiers":[\#(identifiers)],"authorizations":[\#(authorizations)],"finalize":"\#(base)/f/\#(id)"\#(certificate)}"#
    }

    private func authorization(_ id: Int, _ index: Int) -> String {
        let (names, _, proved) = state.withLock { $0.orders[id] } ?? ([], nil, [])
        guard names.indices.contains(index) else { return "{}" }
        let name = names[index]
        let isWild = name.hasPrefix("*.")
        let types = ["exotic-07"] + (isWild ? faults.challengeTypes.filter { $0 == "dns-01" } : faults.challengeTypes)
        let isRefused = proved.contains(index) && faults.refusesProofs()
        let challenges = types.map { type in
            let token = type == "exotic-07" ? "" : #","token":"\#(token(id, index))""#
            let failure = isRefused ? #","error":{"type":"urn:ietf:params:acme:error:connection","detail":"refused"}"# : ""
            return
                #"{"type":"\#(type)","url":"\#(base)/c/\#(id)/\#(index)/\#(type)","status":"\#(isRefused ? "invalid" : "pending")"\#(token)\#(failure)}"#
        }
        let status = isRefused ? "invalid" : proved.contains(index) ? "valid" : "pending"
        return
            #"{"identifier":{"type":"dns","value":"\#(isWild ? String(name.dropFirst(2)) : name)"},"status":"\#(status)"\#(isWild ? ",\"wildcard\":true" : ""),"challenges":[\#(challenges.joined(separator: ","))]}"#
    }

    private func certificate(_ id: Int, alternate: Int?) async -> WireAnswer {
        do {
            let known = state.withLock { $0.leaves[id] }
            let leaf: Certificate509
            if let known, alternate == nil || !faults.alternatesOfAnother { leaf = known } else { leaf = try await sign(id) }
            state.withLock { if $0.leaves[id] == nil { $0.leaves[id] = leaf } }
            let above = alternate.map { alternates[$0] } ?? root
            let links = alternates.indices.map { (name: "Link", value: "<\(base)/cert/\(id)/alt/\($0)>;rel=\"alternate\"") }
            return WireAnswer(
                status: 200, headers: [("Content-Type", "application/pem-certificate-chain")] + (alternate == nil ? links : []),
                body: Array(faults.pem(leaf.pem + above.pem).utf8))
        } catch { return problem(500, "serverInternal", "\(error)".filter { $0 != "\"" && $0 != "\n" }) }
    }

    private func sign(_ id: Int) async throws -> Certificate509 {
        guard case let (names, csr?, _)? = state.withLock({ $0.orders[id] }) else {
            throw Problem(.malformed, 404, "no certificate")
        }
        let (issuer, key) = (try IssuerDescription(root), rootKey)
        let at = time.now + faults.shift
        let description = CertificateDescription.leaf(
            names: faults.names(names),
            key: faults.otherKey ? try CertificateKey(.p256).publicKey : try CertificateRequest(der: csr).publicKey,
            issuer: issuer,
            serial: [0x22] + (0..<15).map { _ in .random(in: 1...255) }, notBefore: at - 60,
            notAfter: CertificateDescription.notAfter(at - 60, lasting: faults.lifetime), crlURL: nil, issuerURL: nil)
        let linted = try Linted(ToBeSigned(description, signedWith: issuer.scheme), issuer: issuer, at: at)
        return try Certificate509(der: try await linted.signed { try key.sign($0) })
    }
}

extension FakeCA {
    /// What to issue here, proven in the folder's `www`.
    func request(_ folder: TemporaryFolder, _ names: [String] = ["a.test"]) -> IssueRequest {
        var request = IssueRequest(names: names)
        (request.ca, request.method, request.preflight) = (directory, .webroot(folder.path("www")), false)
        request.agreesToTerms = { _ in true }
        return request
    }
}
