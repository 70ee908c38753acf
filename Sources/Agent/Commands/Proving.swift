import ACME
import ACMEClient
import Foundation

/// Which authorizations were proved for an order, and how.
struct Proof: Sendable {
    /// URLs of those that were not valid before.
    let authorizations: [String]
    let method: ChallengeMethod
}

extension CertificateAgent {
    /// Proves control of every name of an order that the CA does not know yet (RFC 8555 section 7.5). What was put in place is
    /// removed again, and authorizations that stay pending are given up, whatever happens, cancellation included.
    /// - Throws: `needsPerson` where the CA does not offer the method's challenge, or validation failed.
    func prove(_ placed: PlacedOrder, _ plan: IssuePlan, _ request: IssueRequest, account: ACMEAccount) async throws(AgentError)
        -> Proof
    {
        var open: [(url: String, authorization: Authorization)] = []
        for url in placed.order.authorizations {
            let found = try await asking { () async throws(ACMEClientError) in try await account.authorization(url) }
            guard plan.names.contains(where: { found.covers($0) }) else {
                throw .misdeed("The CA wants \(found.identifier.value.sanitized) to be proved, which was not ordered.")
            }
            switch found.status {
            case .valid: tell(.alreadyValid(name: found.title))
            case .pending: open.append((url, found))
            default: throw .misdeed("The CA's authorization for \(found.title.sanitized) is \(found.status.rawValue) already.")
            }
        }
        let method = try await method(plan, request, open.map(\.authorization))
        guard !open.isEmpty else { return Proof(authorizations: [], method: method) }
        let tasks = try open.map { (url, authorization) throws(AgentError) in
            try ProofTask(url, authorization, method: method, account: account)
        }
        for (_, found) in open {
            tell(.challengesOffered(name: found.title, types: found.types, answered: method.type.rawValue, by: method.how))
        }
        let solver = solver(for: method, names: plan.names)
        do throws(AgentError) {
            try await solver.prepare()
            try await carryOut(
                tasks, solver, account,
                failed: { name in
                    if !request.dryRun { enter(.failures, [name], at: plan.ca) }
                })
        } catch {
            await cleanUp(tasks, solver, account, failed: true)
            throw error
        }
        await cleanUp(tasks, solver, account, failed: false)
        return Proof(authorizations: tasks.map(\.url), method: method)
    }

    static let noMethod = AgentError.needsPerson(
        "Say how to prove control of the names: --webroot DIR, --standalone, --tls-alpn or --dns-hook PROGRAM.")

    private func method(_ plan: IssuePlan, _ request: IssueRequest, _ open: [Authorization]) async throws(AgentError)
        -> ChallengeMethod
    {
        if let method = plan.method { return method }
        let offered = open.map { OfferedChallenges(name: $0.title, types: $0.types) }
        guard let method = await request.choose?(offered) else {
            throw Self.noMethod
        }
        try await preflight(plan.names, method.absolute, lookups: request.preflight)
        return method.absolute
    }

    /// - Parameter failed: gets each name that was not validated.
    private func carryOut(
        _ tasks: [ProofTask], _ solver: any Solver, _ account: ACMEAccount, failed: (String) -> Void
    ) async throws(AgentError) {
        for task in tasks {
            try await solver.present(task.answer)
            tell(.answerPlaced(name: task.title, type: task.challenge.type))
        }
        for task in tasks {
            try await asking { () async throws(ACMEClientError) in try await account.respond(to: task.challenge) }
        }
        var failures: [AgentError] = []
        for task in tasks {
            do throws(ACMEClientError) {
                _ = try await account.settledAuthorization(task.url)
                tell(.validated(name: task.title))
            } catch {
                guard case .failed = error else { throw AgentError(error) }
                failed(task.answer.name)
                failures.append(AgentError(error))
            }
        }
        guard let first = failures.first else { return }
        throw AgentError(
            ExitCode.gravest(of: failures.map(\.code)), failures.map(\.message).joined(separator: "\n"), problem: first.problem,
            blame: first.blame)
    }

    private func cleanUp(_ tasks: [ProofTask], _ solver: any Solver, _ account: ACMEAccount, failed: Bool) async {
        let tell = tell
        await Task {
            for task in tasks {
                do throws(AgentError) {
                    try await solver.remove(task.answer)
                    tell(.answerRemoved(name: task.title, type: task.challenge.type))
                } catch { tell(.warning("The answer for \(task.title) was not removed: \(error.message)")) }
            }
            await solver.finish()
            guard failed else { return }
            // A pending authorization counts against the account's limits until it expires (section 7.5.2).
            for task in tasks where (try? await account.authorization(task.url))?.status == .pending {
                try? await account.deactivateAuthorization(task.url)
            }
        }.value
    }
}

/// One authorization to be proved.
private struct ProofTask: Sendable {
    let url: String
    let title: String
    let challenge: Challenge
    let answer: ChallengeAnswer

    init(_ url: String, _ authorization: Authorization, method: ChallengeMethod, account: ACMEAccount) throws(AgentError) {
        (self.url, title) = (url, authorization.title)
        if authorization.wildcard == true, !method.provesWildcards {
            throw .needsPerson("\(title.sanitized) is a wildcard, which only the DNS proves: use --dns-hook PROGRAM.")
        }
        guard let challenge = authorization.challenges.first(where: { $0.type == method.type.rawValue }) else {
            throw AgentError(
                .needsPerson,
                "The CA does not offer \(method.type.rawValue) for \(title.sanitized), but \(authorization.types.joined(separator: ", ").sanitized).",
                blame: .name)
        }
        // The one gate for tokens: they become paths, file names and arguments.
        guard let token = challenge.token, isToken(token) else {
            throw .misdeed("The CA's token for \(title.sanitized) is none (RFC 8555 section 8.1). Nothing was done with it.")
        }
        self.challenge = challenge
        answer = ChallengeAnswer(
            name: authorization.identifier.value.lowercased(), token: token,
            keyAuthorization: KeyAuthorization(token: token, thumbprint: account.key.jwk.thumbprint))
    }
}

extension Authorization {
    /// With `*.` for a wildcard.
    var title: String { wildcard == true && !identifier.value.hasPrefix("*.") ? "*.\(identifier.value)" : identifier.value }
    var types: [String] { challenges.map(\.type) }

    /// Some CAs leave `wildcard` out, so that the base name must do.
    func covers(_ name: String) -> Bool {
        let value = identifier.value.lowercased()
        return identifier.type == "dns" && (name == value || name == "*.\(value)")
    }
}
