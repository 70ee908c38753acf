import ACME
import ACMEClient
package import Foundation

/// A CA as `ca list` shows it.
package struct AuthorityView: Sendable, Equatable, Encodable {
    package let entry: CatalogueEntry
    /// What `issue` takes without `--ca`.
    package let isStandard: Bool
    package let hasAccount: Bool
    /// Named by `ca add`.
    package let isOwn: Bool
    /// Its place in the order in which renewals turn to CAs, from 1.
    package let place: Int?
    package let health: Health
    /// What is left of its limits, where they are known and there is an account.
    package let budgets: [Budget]
    /// Until when it asked to be left alone.
    package let hold: Date?
}

/// A CA as `ca show` shows it.
package struct AuthorityDetails: Sendable, Equatable, Encodable {
    package let view: AuthorityView
    package let limits: [Limit]
    /// What was asked in the last seven days, by kind.
    package let asked: [String: Int]
    /// Certificates that are renewed there.
    package let certificates: Int
}

/// What `ca test` found.
package struct AuthorityTest: Sendable, Equatable, Encodable {
    /// Directory URL.
    package let ca: String
    /// Of the account that the CA knows; nil if there is none here.
    package let account: String?
    /// Whether it advises on renewals (RFC 9773).
    package let renewalInfo: Bool
    package let bindingRequired: Bool
    /// Raw from the CA.
    package let profiles: [String]
    package let seconds: Double
}

extension CertificateAgent {
    /// The catalogue, then the store's own. Takes no lock.
    package func authorities() throws(AgentError) -> [AuthorityView] {
        let settings = try store.settings()
        let standard = try standardAuthority()
        let own = settings.authorities.map {
            CatalogueEntry($0.name, $0.name, $0.directory, lifetimes: "as its operator says")
        }
        var views: [AuthorityView] = []
        let now = configuration.now()
        for (entry, isOwn) in CatalogueEntry.all.map({ ($0, false) }) + own.map({ ($0, true) }) {
            let hasAccount = try hasAccount(entry.directory)
            let hold = store.ledger(entry.directory, nil).hold
            views.append(
                AuthorityView(
                    entry: entry, isStandard: entry.directory == standard, hasAccount: hasAccount, isOwn: isOwn,
                    place: settings.pool?.firstIndex(of: entry.directory).map { $0 + 1 }, health: store.health(entry.directory),
                    budgets: hasAccount ? budgets(at: entry.directory) : [],
                    hold: hold.flatMap { $0.holds(at: now) ? $0.until : nil }))
        }
        return views
    }

    /// One CA with its limits. Takes no lock, asks nobody.
    /// - Parameter text: a name of `ca list`, or a directory URL.
    package func authority(_ text: String) throws(AgentError) -> AuthorityDetails {
        let ca = try directoryURL(text)
        guard let view = try authorities().first(where: { $0.entry.directory == ca }) else {
            throw .needsPerson("\(text.sanitized) has no name here. `chancery ca add NAME \(ca.sanitized)` gives it one.")
        }
        let now = configuration.now()
        let first = String(RFC3339.string(now.addingTimeInterval(-7 * 86_400)).prefix(10))
        var asked: [String: Int] = [:]
        for (day, counts) in store.ledger(ca, nil).days where day > first { asked.merge(counts) { $0 + $1 } }
        let users = store.lineages().compactMap { try? $0.lineage.get() }.filter {
            $0.revoked == nil && ($0.wanted ?? $0.ca) == ca
        }
        return AuthorityDetails(view: view, limits: LimitBook.of(ca).limits, asked: asked, certificates: users.count)
    }

    /// Gives a CA a name, and remembers its root.
    /// - Parameters:
    ///   - name: lower-case letters, digits and hyphens; none of the catalogue's.
    ///   - url: the directory's, https.
    ///   - root: a PEM file.
    package func addAuthority(_ name: String, url: String, root: String?) async throws(AgentError) {
        try await withLock { () async throws(AgentError) in
            let isName =
                !name.isEmpty && name.utf8.count <= 64
                && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }
            guard isName else { throw .needsPerson("A CA's name consists of lower-case letters, digits and hyphens.") }
            guard !CatalogueEntry.all.contains(where: { $0.name == name }) else {
                throw .needsPerson("\(name) is in the catalogue already.")
            }
            let url = try directoryURL(url)
            if let root {
                let text = try Self.rootFile(root)
                var settings = configuration
                settings.trustRoots = [text]
                _ = try await asking { () throws(ACMEClientError) in try connect(url, settings) }
                try store.save(root: text, of: url)
            }
            var settings = try store.settings()
            settings.authorities.removeAll { $0.name == name }
            settings.authorities.append(SettingsRecord.Named(name: name, directory: url))
            try store.save(settings)
        }
    }

    /// Makes a CA the one that `issue` takes without `--ca`.
    package func useAuthority(_ text: String) async throws(AgentError) {
        try await withLock { () async throws(AgentError) in
            var settings = try store.settings()
            settings.standard = try directoryURL(text)
            try store.save(settings)
        }
    }

    /// Sets the order in which renewals turn to CAs; the first is also what `issue` takes without `--ca`. Empty: no renewal goes to another
    /// CA than its own.
    package func orderAuthorities(_ names: [String]) async throws(AgentError) -> [String] {
        try await withLock { () async throws(AgentError) in
            var settings = try store.settings()
            var pool: [String] = []
            for name in names {
                let url = try directoryURL(name)
                guard !pool.contains(url) else { throw .needsPerson("\(name.sanitized) is named twice.") }
                pool.append(url)
            }
            settings.pool = pool.isEmpty ? nil : pool
            if let first = pool.first { settings.standard = first }
            try store.save(settings)
            var without: [String] = []
            for (name, url) in zip(names, pool) {
                let record = try store.accountRecord(url)
                if record?.url == nil || record?.deactivated != nil { without.append(name) }
            }
            return without
        }
    }

    /// Asks a CA for its directory, and for its account where there is one, signed with its key.
    /// - Parameter text: name or URL; nil for the default CA.
    package func testAuthority(_ text: String?) async throws(AgentError) -> AuthorityTest {
        try await withLock { () async throws(AgentError) in
            let ca = try directoryURL(text)
            let began = configuration.now()
            let (client, directory, _) = try await open(ca)
            let record = try store.accountRecord(ca)
            var account: String?
            if record?.url != nil, record?.deactivated == nil {
                let stored = try await storedAccount(ca, client: client)
                let found = try await asking { () async throws(ACMEClientError) in try await client.findAccount(stored.key) }
                account = found?.account.url
                if account == nil {
                    throw AgentError(
                        .needsPerson,
                        "\(ca.sanitized) no longer knows the account. The next renewal registers it again if its terms are the same."
                    )
                }
            }
            return AuthorityTest(
                ca: ca, account: account, renewalInfo: directory.renewalInfo != nil,
                bindingRequired: directory.meta?.externalAccountRequired ?? false,
                profiles: directory.meta?.profiles?.keys.sorted() ?? [],
                seconds: configuration.now().timeIntervalSince(began))
        }
    }

    /// An account at a CA, before there is anything to issue, so that renewals can turn to it.
    package func registerAccount(_ request: IssueRequest) async throws(AgentError) -> AccountView {
        try await withLock { () async throws(AgentError) in
            let ca = try directoryURL(request.ca)
            let (client, directory, root) = try await open(ca, root: request.caRoot)
            if let root { try store.save(root: root, of: ca) }
            let ready = try await account(ca, client, directory, request, mayRegister: true)
            let state = try? await asking { () async throws(ACMEClientError) in try await ready.value.state() }
            return view(ca, ready.value, state ?? Account(status: .valid))
        }
    }

    /// Forgets a name that `ca add` gave, unless something depends on that CA. Its account stays.
    /// - Throws: `needsPerson`, with all that depends on it and what to say first.
    package func removeAuthority(_ name: String) async throws(AgentError) -> ExitCode {
        try await withLock { () async throws(AgentError) in
            var settings = try store.settings()
            guard let found = settings.authorities.first(where: { $0.name == name }) else { return .nothingToDo }
            // Under another name it is still there.
            let isLast = !settings.authorities.contains { $0.name != name && $0.directory == found.directory }
            let reasons = isLast ? try dependants(on: found, settings) : []
            guard reasons.isEmpty else {
                throw .needsPerson((["\(name) is not forgotten:"] + reasons).joined(separator: "\n"))
            }
            settings.authorities.removeAll { $0.name == name }
            try store.save(settings)
            return .changed
        }
    }

    private func dependants(
        on authority: SettingsRecord.Named, _ settings: SettingsRecord
    ) throws(AgentError) -> [String] {
        let (name, ca) = (authority.name, authority.directory)
        var reasons: [String] = []
        if settings.standard == ca {
            reasons.append("It is the default of `issue`: say `chancery ca use` for another one first.")
        }
        if settings.pool?.contains(ca) == true {
            reasons.append("It stands in the order of CAs: say `chancery ca order` without it first.")
        }
        func told(_ lineages: [Lineage]) -> String {
            lineages.prefix(10).map(\.name).joined(separator: ", ")
                + (lineages.count > 10 ? " and \(lineages.count - 10) more" : "")
        }
        let lineages = store.lineages().compactMap { try? $0.lineage.get() }.filter { $0.revoked == nil }
        let own = lineages.filter { ($0.wanted ?? $0.ca) == ca }
        if !own.isEmpty {
            reasons.append("It renews \(told(own)): move them with `chancery ca switch --from \(name) --to OTHER` first.")
        }
        let backed = lineages.filter { $0.pool?.contains(ca) == true }
        if !backed.isEmpty {
            reasons.append(
                "It is a fallback of \(told(backed)): issue \(backed.count == 1 ? "it" : "them") with other --fallback-ca first.")
        }
        if let open = try store.switchRecord(), open.isOpen, open.from == ca || open.to == ca {
            reasons.append("A switch from or to it is not finished: `chancery ca switch --resume` or `--abandon` first.")
        }
        return reasons
    }

    /// The directory of a CA that a person named, or of the default one.
    func directoryURL(_ text: String?) throws(AgentError) -> String {
        guard let text else { return try standardAuthority() }
        return try directoryURL(text)
    }

    /// The directory of a CA that a person named.
    func directoryURL(_ text: String) throws(AgentError) -> String {
        if text.contains("://") {
            guard text.lowercased().hasPrefix("https://") else {
                throw .needsPerson("Only https directories are used, which \(text.sanitized) is not.")
            }
            return text
        }
        if let own = try store.settings().authorities.first(where: { $0.name == text }) { return own.directory }
        guard let entry = CatalogueEntry.all.first(where: { $0.name == text }) else {
            let known = CatalogueEntry.all.filter { !$0.closed }.map(\.name) + (try store.settings().authorities.map(\.name))
            throw .needsPerson(
                "There is no CA called \(text.sanitized). Give its directory's URL, or one of: \(known.joined(separator: ", ")).")
        }
        guard !entry.closed else { throw .needsPerson("\(entry.title): \(entry.note ?? "closed.")") }
        return entry.directory
    }

    func standardAuthority() throws(AgentError) -> String {
        try store.settings().standard ?? CatalogueEntry.all[0].directory
    }

    func catalogueEntry(_ ca: String) -> CatalogueEntry? { CatalogueEntry.all.first { $0.directory == ca } }
}
