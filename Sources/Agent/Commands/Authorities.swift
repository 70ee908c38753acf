import ACMEClient

/// A CA as `ca list` shows it.
package struct AuthorityView: Sendable, Equatable, Encodable {
    package let entry: CatalogueEntry
    /// What `issue` takes without `--ca`.
    package let isStandard: Bool
    package let hasAccount: Bool
    /// Named by `ca add`.
    package let isOwn: Bool
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
        for (entry, isOwn) in CatalogueEntry.all.map({ ($0, false) }) + own.map({ ($0, true) }) {
            let record = try store.accountRecord(entry.directory)
            views.append(
                AuthorityView(
                    entry: entry, isStandard: entry.directory == standard,
                    hasAccount: record?.url != nil && record?.deactivated == nil, isOwn: isOwn))
        }
        return views
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

    /// Forgets a name that `ca add` gave. Accounts and certificates of that CA stay.
    package func removeAuthority(_ name: String) async throws(AgentError) -> ExitCode {
        try await withLock { () async throws(AgentError) in
            var settings = try store.settings()
            guard let found = settings.authorities.first(where: { $0.name == name }) else { return .nothingToDo }
            settings.authorities.removeAll { $0.name == name }
            if settings.standard == found.directory { settings.standard = nil }
            try store.save(settings)
            return .changed
        }
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
