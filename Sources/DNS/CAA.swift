/// One CAA record (RFC 8659 section 4.1).
package struct CAAProperty: Sendable, Equatable {
    /// Who does not understand the tag must not issue.
    package let isCritical: Bool
    /// Lower case; empty for a record that cannot be read.
    package let tag: String
    package let value: String

    package init(isCritical: Bool = false, tag: String, value: String) {
        (self.isCritical, self.tag, self.value) = (isCritical, tag.lowercased(), value)
    }

    /// - Parameter record: as the DNS sends it: flags, length of the tag, tag, value.
    init(record: [UInt8]) {
        guard record.count >= 2, record[1] > 0, record.count >= 2 + Int(record[1]) else {
            self.init(isCritical: true, tag: "", value: "")
            return
        }
        let end = 2 + Int(record[1])
        self.init(
            isCritical: record[0] & 128 != 0, tag: String(decoding: record[2..<end], as: UTF8.self),
            value: String(decoding: record[end...], as: UTF8.self))
    }
}

/// The CAA records that hold for a name, and where they stand.
package struct CAASet: Sendable, Equatable {
    /// The name itself or one above it, without the last dot.
    package let holder: String
    /// At least one.
    package let properties: [CAAProperty]

    package init(holder: String, properties: [CAAProperty]) { (self.holder, self.properties) = (holder, properties) }

    /// The first name that has records, from the name upwards, the root left out (RFC 8659 section 3).
    /// - Parameters:
    ///   - name: `*.` in front of it is no part of it.
    ///   - ask: the CAA records at exactly this name; none where it does not exist.
    /// - Returns: nil if no name has any.
    package static func relevant(
        to name: String, ask: (String) async throws(LookupFailure) -> [CAAProperty]
    ) async throws(LookupFailure) -> CAASet? {
        var labels = name.split(separator: ".")
        if labels.first == "*" { labels.removeFirst() }
        while !labels.isEmpty {
            let holder = labels.joined(separator: ".")
            let found = try await ask(holder)
            if !found.isEmpty { return CAASet(holder: holder, properties: found) }
            labels.removeFirst()
        }
        return nil
    }

    /// Why an authority must not issue, or nil if it may.
    /// - Parameters:
    ///   - identities: the domains by which the authority is known (`meta.caaIdentities`), at least one.
    ///   - account: its URL for `accounturi` (RFC 8657 section 3); nil if there is none yet, which is taken to fit.
    ///   - method: the challenge's type for `validationmethods` (RFC 8657 section 4); nil likewise.
    package func refusal(
        of identities: [String], wildcard: Bool, account: String?, method: String?
    ) -> CAARefusal? {
        if let unknown = properties.first(where: { $0.isCritical && !Self.known.contains($0.tag) }) {
            return CAARefusal(
                reason: unknown.tag.isEmpty
                    ? "a CAA record at \(holder) cannot be read"
                    : "a critical CAA record at \(holder) has the unknown tag \(unknown.tag)",
                record: nil)
        }
        // What is said of wildcards alone takes the place of what is said of all (section 4.3).
        let special = wildcard ? properties.filter { $0.tag == "issuewild" } : []
        let tag = special.isEmpty ? "issue" : "issuewild"
        let applying = special.isEmpty ? properties.filter { $0.tag == "issue" } : special
        if applying.isEmpty { return nil }
        let mine = applying.compactMap { Issuer($0.value) }.filter { issuer in
            identities.contains { $0.lowercased() == issuer.domain }
        }
        var record = "\(holder). CAA 0 \(tag) \"\(identities.first ?? "")\""
        guard !mine.isEmpty else {
            return CAARefusal(
                reason: "the CAA records at \(holder) do not name \(identities.joined(separator: " or "))", record: record)
        }
        if mine.contains(where: { $0.permits(account: account, method: method) }) { return nil }
        if let account { record = "\(holder). CAA 0 \(tag) \"\(identities.first ?? ""); accounturi=\(account)\"" }
        return CAARefusal(
            reason: "the CAA records at \(holder) name the authority for another account or another way of proof alone",
            record: record)
    }

    /// Tags that RFC 8659, RFC 9495 and the CAs' rules define; only the first two say anything here.
    private static let known: Set<String> = [
        "issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone",
    ]
}

/// Why an authority must not issue for a name.
package struct CAARefusal: Sendable, Equatable {
    /// A clause.
    package let reason: String
    /// What to add to the zone, in zone file syntax; nil where something has to go instead.
    package let record: String?
}

/// The value of `issue` or `issuewild` (RFC 8659 section 4.2).
private struct Issuer {
    /// Lower case; empty where nobody may issue.
    let domain: String
    private let parameters: [(tag: String, value: String)]

    /// - Returns: nil for what is no such value, which nobody fits.
    init?(_ value: String) {
        let parts = value.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
        domain = (parts.first ?? "").lowercased()
        guard !domain.contains(where: { $0 == " " || $0 == "\t" }) else { return nil }
        var parameters: [(String, String)] = []
        for part in parts.dropFirst() where !part.isEmpty {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
            guard pair.count == 2 else { return nil }
            parameters.append((pair[0].lowercased(), pair[1]))
        }
        self.parameters = parameters
    }

    func permits(account: String?, method: String?) -> Bool {
        let uris = parameters.filter { $0.tag == "accounturi" }.map(\.value)
        if uris.count > 1 { return false }
        if let uri = uris.first, let account, uri != account { return false }
        let methods = parameters.filter { $0.tag == "validationmethods" }.map(\.value)
        if methods.count > 1 { return false }
        guard let list = methods.first, let method else { return true }
        return list.split(separator: ",").contains { Self.trimmed($0) == method }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        var end = String(start)
        while end.last == " " || end.last == "\t" { end.removeLast() }
        return end
    }
}
