import ACME
import ACMEClient
import DNS
import Foundation
import Synchronization

/// CAA records as this host's DNS knows them, kept for a minute, since certificates of one domain ask for the same ones.
final class AuthorizationRecords: Sendable {
    private struct State {
        var resolver: Resolver?
        var known: [String: (properties: [CAAProperty], until: Date)] = [:]
        /// Lookups in a row that failed.
        var failures = 0
        /// The DNS does not answer, and is not asked for each of many names before this.
        var silentUntil: Date?
    }
    private let servers: [String]
    private let state = Mutex(State())

    init(_ servers: [String]) { self.servers = servers }

    /// The records that hold for a name; nil if there are none, or after failures that were told, for a minute.
    func relevant(to name: String, now: Date) async throws(AgentError) -> Result<CAASet?, LookupFailure> {
        let resolver = try resolver()
        if let until = state.withLock({ $0.silentUntil }), until > now, until < now + 120 { return .success(nil) }
        do throws(LookupFailure) {
            return .success(
                try await CAASet.relevant(to: name) { (holder) async throws(LookupFailure) in
                    try await properties(at: holder, resolver, now)
                })
        } catch { return .failure(error) }
    }

    private func properties(at name: String, _ resolver: Resolver, _ now: Date) async throws(LookupFailure) -> [CAAProperty] {
        let known = state.withLock { $0.known[name] }
        if let known, known.until > now, known.until < now + 120 { return known.properties }
        do throws(LookupFailure) {
            let found = try await resolver.caa(at: name)
            state.withLock { state in
                if state.known.count > 10_000 { state.known = [:] }
                state.known[name] = (found, now + 60)
                state.failures = 0
            }
            return found
        } catch {
            state.withLock { state in
                state.failures += 1
                if error.kind == .timeout || state.failures >= 3 { (state.silentUntil, state.failures) = (now + 60, 0) }
            }
            throw error
        }
    }

    private func resolver() throws(AgentError) -> Resolver {
        if let made = state.withLock({ $0.resolver }) { return made }
        let made: Resolver
        do { made = try Resolver(servers: servers, patience: .seconds(5)) } catch {
            throw .needsPerson("CAA records cannot be asked for: \(error.description). --no-preflight goes without.")
        }
        state.withLock { $0.resolver = made }
        return made
    }
}

extension StoreFolder {
    /// The domains by which a CA is known in CAA records, as its directory said last; empty if it said none.
    func identities(_ ca: String) -> [String] {
        let found = try? read([String].self, from: "\(account(ca))/caa.json")
        return (found ?? nil) ?? []
    }
}

extension CertificateAgent {
    func note(_ identities: [String], of ca: String) {
        guard store.identities(ca) != identities else { return }
        do throws(AgentError) {
            try Files.makeFolder(store.account(ca))
            try store.write(identities, to: "\(store.account(ca))/caa.json")
        } catch { tell(.warning(error.message)) }
    }

    /// Why a CA would refuse names by their CAA records (RFC 8659), a sentence for each with the record to add. A lookup that fails is
    /// no reason: the CA sees the DNS from elsewhere, and decides.
    /// - Parameters:
    ///   - identities: of the CA; nil for those that are kept of it. Empty: it does not say by which domain it is known, and nothing is asked.
    ///   - account: its URL, where there is one.
    func refusals(
        _ names: [String], at ca: String, _ identities: [String]? = nil, method: ChallengeMethod?, account: String?
    ) async throws(AgentError) -> [String] {
        let identities = (identities ?? store.identities(ca)).filter { !$0.isEmpty }
        guard !identities.isEmpty else { return [] }
        var (told, records) = ([String](), Set<String>())
        for name in names where name != "localhost" && !name.hasSuffix(".localhost") {
            switch try await authorizationRecords.relevant(to: name, now: configuration.now()) {
            case .failure(let failure):
                tell(.warning("The CAA records of \(name) could not be asked for (\(failure.reason)). The CA decides."))
            case .success(nil): continue
            case .success(let set?):
                guard
                    let refusal = set.refusal(
                        of: identities, wildcard: name.hasPrefix("*."), account: account, method: method?.type.rawValue),
                    records.insert(refusal.record ?? refusal.reason).inserted
                else { continue }
                let remedy = refusal.record.map { "Add: \($0)" } ?? "Take that record away."
                told.append("\(ca.sanitized) would refuse \(name): \(refusal.reason). \(remedy)".sanitized)
            }
        }
        return told
    }

    /// - Throws: `needsPerson`, so that another CA is tried, with the records to add.
    func checkAuthorization(
        _ names: [String], at ca: String, _ identities: [String], method: ChallengeMethod?, account: String
    ) async throws(AgentError) {
        let refusals = try await refusals(names, at: ca, identities, method: method, account: account)
        guard refusals.isEmpty else {
            throw AgentError(
                .needsPerson, refusals.joined(separator: "\n") + "\nIf the CA sees other records, say --no-preflight.",
                blame: .name)
        }
    }

    /// Tells which CAs of the pool could not take the place of the chosen one, while there is time to change that.
    func warnOfBackups(_ plan: IssuePlan) async throws(AgentError) {
        var pool = plan.pool
        if pool == nil { pool = try store.settings().pool }
        for ca in pool ?? [] where ca != plan.ca {
            let account = try store.accountRecord(ca)?.url
            for refusal in try await refusals(plan.names, at: ca, method: plan.method, account: account) {
                tell(.warning("As a backup, \(refusal)"))
            }
        }
    }
}
