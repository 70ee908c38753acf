import ACME
package import ACMEClient
package import Foundation
import PKIX

/// What a certificate is wanted for, and how it is to be had.
package struct IssueRequest: Sendable {
    /// As typed; the first one names the folder.
    package var names: [String]
    /// A name from the catalogue or `ca add`, or a directory URL. Nil: the CA of the certificate that is there, else the default.
    package var ca: String?
    /// A PEM file with the CA's root, remembered once the CA has answered.
    package var caRoot: String?
    /// Names or URLs of the CAs that a renewal may turn to when this one fails. Nil: those of the certificate that is there, else the store's.
    package var fallbacks: [String]?
    /// Mail addresses or URLs.
    package var contacts: [String] = []
    /// Asked with the URL of the CA's terms when an account is to be made.
    package var agreesToTerms: @Sendable (_ terms: String) async -> Bool = { _ in false }
    /// Nil: that of the certificate that is there, else `choose`.
    package var method: ChallengeMethod?
    /// Asked with the types that the CA offers for each name when no method is known.
    package var choose: (@Sendable (_ offered: [OfferedChallenges]) async -> ChallengeMethod?)?
    /// Nil: that of the certificate that is there, else P-256.
    package var keyType: KeyType?
    package var binding: AccountBinding?
    /// The common name of the root that the chain is to lead to. Nil: that of the certificate that is there, else the CA's choice.
    package var preferredChain: String?
    /// Nil: that of the certificate that is there, else none.
    package var deployHook: String?
    /// Where to put the certificate to use: texts of `InstallTarget`. Nil: those of the certificate that is there, else none.
    package var targets: [String]?
    /// Issues although nothing is due.
    package var force = false
    /// Looks names up before the CA does.
    package var preflight = true
    /// Puts the certificate to use once it is installed; else that is left to whoever asked.
    var deploys = true
    /// Everything up to the CA's validation of every name, with an account for the purpose if there is none; then the
    /// authorizations are given up. Nothing is written.
    package var dryRun = false

    package init(names: [String]) { self.names = names }
}

/// What a CA offers to prove control of a name with.
package struct OfferedChallenges: Sendable, Equatable {
    /// With `*.` for a wildcard.
    package let name: String
    package let types: [String]
}

/// How an issue or a renewal ended well.
package enum IssueOutcome: Sendable, Equatable {
    case installed(CertificateSummary)
    /// Installed, but not put to use, for this reason.
    case notServed(CertificateSummary, reason: String)
    case notDue(CertificateSummary)
    /// Due, but left alone until then: earlier failures, or the CA, ask for a pause.
    case postponed(CertificateSummary, until: Date, reason: String)
    case dryRunPassed

    package var code: ExitCode {
        switch self {
        case .installed, .dryRunPassed: .changed
        case .notServed: .notServed
        case .notDue: .nothingToDo
        case .postponed: .wait
        }
    }
}

extension CertificateAgent {
    /// Gets a certificate and installs it below `live`. One that is there for the same names, from the same CA and not due, is
    /// left alone unless `force` is set.
    package func issue(_ request: IssueRequest) async throws(AgentError) -> IssueOutcome {
        try await withLock { () async throws(AgentError) in
            let names = try checked(request.names)
            guard let first = names.first else { throw .needsPerson("Name at least one domain with -d.") }
            let old = try store.lineage(Lineage.name(for: first))
            let ca = try directoryURL(request.ca ?? old?.wanted ?? old?.ca)
            var pool = old?.pool
            if let fallbacks = request.fallbacks {
                pool = try fallbacks.map { (text) throws(AgentError) in try directoryURL(text) }
            }
            var plan = IssuePlan(
                names: names.map(\.text), ca: ca, method: request.method ?? old?.method,
                keyType: request.keyType ?? old?.keyType ?? .p256,
                preferredChain: request.preferredChain ?? old?.preferredChain,
                deployHook: request.deployHook.map(absolutePath) ?? old?.deployHook)
            plan.method = plan.method.map(\.absolute)
            (plan.wanted, plan.pool) = (ca, pool)
            plan.targets = request.targets ?? old?.targets
            for target in plan.targets ?? [] { _ = try InstallTarget(target) }
            plan.replaces = old.flatMap { ReplacedCertificate($0) }
            if let old, !request.force, !request.dryRun, plan.isServed(by: old), old.revoked == nil,
                !isDue(old)
            {
                if plan.targets != old.targets {
                    var moved = old
                    (moved.targets, moved.served) = (plan.targets, false)
                    try store.update(moved)
                    return try await deploy(moved)
                }
                tell(.notDue(name: old.name, due: due(old).at))
                return .notDue(summary(of: old))
            }
            let name = Lineage.name(for: first)
            let now = configuration.now()
            if !request.force, let asked = store.failures(name)?.asked, asked.ca == ca, asked.until > now {
                throw AgentError(
                    .wait, "The CA asked to wait until \(RFC3339.string(asked.until)). --force asks it all the same.",
                    until: asked.until)
            }
            if request.preflight { try await warnOfBackups(plan) }
            if request.dryRun { return try await carryOut(plan, request, mayRegister: true) }
            let kinship = kinship(plan.names, replacing: old, at: ca)
            if request.force {
                tell(.cost(name: name, ca: ca, text: cost(plan.names, kinship, at: ca)))
            } else if let wait = wait(plan.names, kinship, at: ca, leaving: .nothing) {
                throw AgentError(.wait, "\(wait.reason) --force asks it all the same.", until: wait.until)
            }
            return try await counting(name, ca: ca, lifetime: old?.lifetime) { [plan] () async throws(AgentError) in
                try await judging(ca) { () async throws(AgentError) in try await carryOut(plan, request, mayRegister: true) }
            }
        }
    }

    /// Names in ASCII, each once, in the order typed.
    private func checked(_ typed: [String]) throws(AgentError) -> [DomainName] {
        var names: [DomainName] = []
        for text in typed {
            do {
                let name = try DomainName.ascii(text.trimmingCharacters(in: .whitespaces))
                if !names.contains(name) { names.append(name) }
            } catch { throw .needsPerson("\(text.sanitized) is no DNS name: \(error.reason)") }
        }
        return names
    }

    /// One straight line: account, order, proof, certificate, files, hook.
    func carryOut(_ plan: IssuePlan, _ request: IssueRequest, mayRegister: Bool) async throws(AgentError) -> IssueOutcome {
        if let hook = plan.deployHook { try HookProgram.check(hook) }
        if let method = plan.method {
            try await preflight(plan.names, method, lookups: request.preflight)
        } else if request.choose == nil {
            throw Self.noMethod
        }
        let (client, directory, root) = try await open(plan.ca, root: request.caRoot)
        if let root, !request.dryRun { try store.save(root: root, of: plan.ca) }
        var account = try await account(plan.ca, client, directory, request, mayRegister: mayRegister)
        do throws(AgentError) {
            if request.preflight {
                try await checkAuthorization(
                    plan.names, at: plan.ca, directory.meta?.caaIdentities ?? [], method: plan.method, account: account.value.url)
            }
            let placed: PlacedOrder
            let replaced = request.dryRun || directory.renewalInfo == nil ? nil : plan.replaces
            let kinship: Kinship
            do throws(ACMEClientError) {
                (placed, kinship) = try await order(plan, replacing: replaced, account.value)
            } catch {
                guard error.problem?.errorType == .accountDoesNotExist, !request.dryRun else { throw AgentError(error) }
                account = try await registerAgain(plan.ca, client, directory, request)
                (placed, kinship) = try await asking { [account] () async throws(ACMEClientError) in
                    try await order(plan, replacing: nil, account.value)
                }
            }
            if !request.dryRun { enter(.orders, plan.names, kinship, at: plan.ca) }
            tell(.ordered(url: placed.url, names: plan.names))
            let proved = try await prove(placed, plan, request, account: account.value)
            if request.dryRun {
                await giveUp(proved, account)
                tell(.dryRunPassed(names: plan.names))
                return .dryRunPassed
            }
            let (made, issued) = try await obtain(placed, plan, kinship, account: account.value)
            let lineage = try install(issued, key: made, plan, method: proved.method, account: account.value.url)
            var silent: Set<String> = []
            await consult(lineage, silent: &silent)
            return request.deploys ? try await deploy(lineage) : .installed(summary(of: lineage))
        } catch {
            if !request.dryRun { hold(error, plan.names, at: plan.ca) }
            if account.isTemporary { await giveUp(nil, account) }
            throw error
        }
    }

    /// Orders as a replacement where that is allowed, and without it where the CA has anything against that: what spares its limits must
    /// never stop a renewal.
    private func order(
        _ plan: IssuePlan, replacing replaced: ReplacedCertificate?, _ account: ACMEAccount
    ) async throws(ACMEClientError) -> (PlacedOrder, Kinship) {
        let plain = plan.replaces?.ca == plan.ca && Set(plan.replaces?.names ?? []) == Set(plan.names) ? Kinship.renewal : .new
        guard let replaced, replaced.ca == plan.ca, replaced.account == account.url,
            !Set(replaced.names).isDisjoint(with: plan.names)
        else { return (try await account.newOrder(plan.names), plain) }
        do { return (try await account.newOrder(plan.names, replaces: replaced.identifier), .replacement) } catch {
            guard case .problem(let problem, _) = error, ReplacedCertificate.isRefused(by: problem) else { throw error }
            tell(.warning("The CA does not take the order as a replacement, so it is made without: \(problem.sentence)"))
            return (try await account.newOrder(plan.names), plain)
        }
    }

    /// A new key and the certificate for it, looked at; nothing is written.
    func obtain(
        _ placed: PlacedOrder, _ plan: IssuePlan, _ kinship: Kinship, account: ACMEAccount
    ) async throws(AgentError) -> (made: RequestedKey, issued: IssuedCertificate) {
        let made = try RequestedKey(names: plan.names, keyType: plan.keyType, accountKey: account.key)
        tell(.finalizing(keyType: plan.keyType))
        let chains = try await asking { () async throws(ACMEClientError) in
            let done = try await account.finalize(placed, csr: made.request)
            // Issued, whatever becomes of it.
            enter(.certificates, plan.names, kinship, at: plan.ca)
            return try await account.chains(done.order.certificate ?? "", alternates: plan.preferredChain == nil ? 0 : 4)
        }
        let issued = try IssuedCertificate.chosen(
            from: chains, for: made, preferred: plan.preferredChain, now: configuration.now(), warn: { tell(.warning($0)) })
        if issued.chain.isEmpty, issued.leaf.issuer != issued.leaf.subject {
            tell(.warning("The CA sent no issuer with the certificate: programs that do not know its issuer will refuse it."))
        }
        return (made, issued)
    }
}

/// What to do, every choice made but perhaps the method.
struct IssuePlan: Sendable {
    /// ASCII.
    var names: [String]
    /// Directory URL.
    var ca: String
    var method: ChallengeMethod?
    var keyType: KeyType
    var preferredChain: String?
    /// Absolute path.
    var deployHook: String?
    /// What the new certificate takes the place of.
    var replaces: ReplacedCertificate?
    /// The CA that a person chose, and those to turn to; see `Lineage`.
    var wanted: String?
    var pool: [String]?
    var targets: [String]?

    /// Whether a certificate that is there is what this plan would give.
    func isServed(by lineage: Lineage) -> Bool {
        Set(lineage.names) == Set(names) && (lineage.wanted ?? lineage.ca) == ca && lineage.keyType == keyType
            && lineage.preferredChain == preferredChain && lineage.pool == pool
    }
}

/// A certificate that an order may name as the one that it replaces: at the same CA, by the same account (RFC 9773 section 5).
struct ReplacedCertificate: Sendable {
    let identifier: CertificateIdentifier
    let ca: String
    let account: String
    let names: [String]

    /// - Returns: nil for a certificate of which too little is known.
    init?(_ lineage: Lineage) {
        guard let account = lineage.account, let text = lineage.identifier, let identifier = try? CertificateIdentifier(text)
        else { return nil }
        (self.identifier, ca, self.account, names) = (identifier, lineage.ca, account, lineage.names)
    }

    /// CAs have many words for it: alreadyReplaced, malformed, unauthorized, 404. What is surely about something else is not asked twice.
    static func isRefused(by problem: Problem) -> Bool {
        switch problem.errorType {
        case .accountDoesNotExist, .userActionRequired, .externalAccountRequired, .rateLimited, .badNonce, .badSignatureAlgorithm:
            false
        default: true
        }
    }
}

extension ChallengeMethod {
    var absolute: ChallengeMethod {
        switch self {
        case .webroot(let folder): .webroot(absolutePath(folder))
        case .dnsHook(let program): .dnsHook(absolutePath(program))
        case .standalone, .tlsALPN: self
        }
    }
}
