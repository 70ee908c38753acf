internal import ACME
internal import Foundation

// Stored records to columns and back, once each way. Hot columns are plain text of our own, a tenth of the price of JSON.

extension RecordID { var sql: SQLValue { .bytes(bytes) } }
extension Date { var sql: SQLValue { .integer(microseconds) } }
extension String { var sql: SQLValue { .text(self) } }
extension Int { var sql: SQLValue { .integer(Int64(self)) } }
extension Int64 { var sql: SQLValue { .integer(self) } }
extension Bool { var sql: SQLValue { .integer(self ? 1 : 0) } }
extension [UInt8] { var sql: SQLValue { .bytes(self) } }
extension RawRepresentable<String> { var sql: SQLValue { .text(rawValue) } }
extension Optional {
    func sql(_ column: (Wrapped) -> SQLValue) -> SQLValue { map(column) ?? .null }
}

/// `dns:a.example`, one a line.
enum IdentifierColumn {
    static func text(_ identifiers: [Identifier]) throws(StoreError) -> String {
        for one in identifiers
        where one.type.utf8.contains(where: { $0 <= 0x20 || $0 == 0x3A }) || one.value.utf8.contains(where: { $0 <= 0x20 }) {
            throw .broken("an identifier holds white space")
        }
        return identifiers.map { "\($0.type):\($0.value)" }.joined(separator: "\n")
    }

    static func identifiers(_ text: String) throws(StoreError) -> [Identifier] {
        try text.split(separator: "\n").map { (line) throws(StoreError) in
            guard let colon = line.firstIndex(of: ":") else { throw .broken("an identifier without a type") }
            return Identifier(type: String(line[..<colon]), value: String(line[line.index(after: colon)...]))
        }
    }
}

/// `TYPE STATUS ATTEMPTS VALIDATED [PROBLEM]`, one challenge a line; VALIDATED in microseconds or `-`, PROBLEM as JSON.
enum ChallengeColumn {
    static func text(_ challenges: [StoredChallenge]) throws(StoreError) -> String {
        var lines: [String] = []
        for one in challenges {
            let validated = one.validated.map { String($0.microseconds) } ?? "-"
            let line = "\(one.type.rawValue) \(one.status.rawValue) \(one.attempts) \(validated)"
            lines.append(try one.error.map { (error) throws(StoreError) in "\(line) \(try ProblemColumn.text(error))" } ?? line)
        }
        return lines.joined(separator: "\n")
    }

    static func challenges(_ text: String) throws(StoreError) -> [StoredChallenge] {
        try text.split(separator: "\n").map { (line) throws(StoreError) in
            let words = line.split(separator: " ", maxSplits: 4)
            guard words.count >= 4, let type = ChallengeType(rawValue: String(words[0])),
                let status = ChallengeStatus(rawValue: String(words[1])), let attempts = Int(words[2])
            else { throw .broken("a challenge cannot be read") }
            let error = words.count == 5 ? try ProblemColumn.problem(String(words[4])) : nil
            return StoredChallenge(
                type: type, status: status, validated: Int64(words[3]).map(Date.init(microseconds:)), error: error,
                attempts: attempts)
        }
    }
}

/// JSON without line ends.
enum ProblemColumn {
    static func text(_ problem: Problem) throws(StoreError) -> String { try JSONColumn.text(problem) }
    static func problem(_ text: String) throws(StoreError) -> Problem { try JSONColumn.value(text) }
}

enum JSONColumn {
    static func text(_ value: some Encodable) throws(StoreError) -> String {
        do { return String(decoding: try JSONEncoder().encode(value), as: UTF8.self) } catch { throw .broken("\(error)") }
    }

    static func value<T: Decodable>(_ text: String) throws(StoreError) -> T {
        do { return try JSONDecoder().decode(T.self, from: Data(text.utf8)) } catch { throw .broken("\(error)") }
    }
}

extension StoredAccount {
    static let columns = "id, jwk, status, contacts, terms, created"

    init(_ row: SQLRow) throws(StoreError) {
        let key: JWK
        do { key = try JWK(canonical: try row.text(1)) } catch { throw .broken("a stored account key is unreadable") }
        self.init(
            id: try row.id(0), key: key, status: try row.word(2), contacts: try JSONColumn.value(try row.text(3)),
            agreedTerms: try row.optional(4) { (row, column) throws(StoreError) in try row.text(column) },
            created: try row.time(5))
    }
}

extension StoredAuthorization {
    static let columns = "id, account, kind, name, wildcard, status, expires, token, challenges, version"

    init(_ row: SQLRow) throws(StoreError) {
        self.init(
            id: try row.id(0), account: try row.id(1), identifier: Identifier(type: try row.text(2), value: try row.text(3)),
            wildcard: try row.integer(4) != 0, status: try row.word(5), expires: try row.time(6), token: try row.text(7),
            challenges: try ChallengeColumn.challenges(try row.text(8)))
    }
}

extension StoredOrder {
    static let columns = """
        id, account, status, identifiers, authorizations, not_before, not_after, created, expires, error, certificate,
        replaces
        """

    init(_ row: SQLRow) throws(StoreError) {
        let status: OrderStatus = try row.word(2)
        self.init(
            id: try row.id(0), account: try row.id(1), status: status,
            identifiers: try IdentifierColumn.identifiers(try row.text(3)), authorizations: try Self.ids(try row.bytes(4)),
            notBefore: try row.optional(5) { (row, index) throws(StoreError) in try row.time(index) },
            notAfter: try row.optional(6) { (row, index) throws(StoreError) in try row.time(index) },
            created: try row.time(7), expires: try row.time(8),
            error: try row.optional(9) { (row, index) throws(StoreError) in try ProblemColumn.problem(try row.text(index)) },
            certificate: status == .valid ? try row.id(10) : nil,
            replaces: try row.optional(11) { (row, index) throws(StoreError) in try row.text(index) })
    }

    static func ids(_ bytes: [UInt8]) throws(StoreError) -> [RecordID] {
        let ids = stride(from: 0, to: bytes.count, by: 16).map { RecordID(bytes: bytes[$0..<min($0 + 16, bytes.count)]) }
        guard !ids.contains(nil) else { throw .broken("an order's authorizations cannot be read") }
        return ids.compactMap { $0 }
    }
}

extension Intent {
    static let columns = "id, order_id, account, issuer, serial, to_be_signed, identifiers, created"

    init(_ row: SQLRow) throws(StoreError) {
        self.init(
            id: try row.id(0), order: try row.optional(1) { (row, index) throws(StoreError) in try row.id(index) },
            account: try row.optional(2) { (row, index) throws(StoreError) in try row.id(index) },
            issuer: try row.text(3), serial: try row.bytes(4), toBeSigned: try row.bytes(5),
            identifiers: try IdentifierColumn.identifiers(try row.text(6)), created: try row.time(7))
    }
}

extension StoredCertificate {
    /// From `certificates c LEFT JOIN revocations r`.
    static let columns = """
        c.id, c.order_id, c.account, c.issuer, c.serial, c.der, c.key_hash, c.identifiers, c.not_before, c.not_after, \
        c.created, r.revoked, r.reason
        """

    init(_ row: SQLRow) throws(StoreError) {
        let revoked = try row.optional(11) { (row, index) throws(StoreError) in
            Revocation(at: try row.time(index), reason: try row.reason(12))
        }
        self.init(
            id: try row.id(0), order: try row.optional(1) { (row, index) throws(StoreError) in try row.id(index) },
            account: try row.optional(2) { (row, index) throws(StoreError) in try row.id(index) },
            issuer: try row.text(3), serial: try row.bytes(4), der: try row.bytes(5), keyHash: try row.bytes(6),
            identifiers: try IdentifierColumn.identifiers(try row.text(7)), notBefore: try row.time(8),
            notAfter: try row.time(9), revoked: revoked, created: try row.time(10))
    }
}

extension SQLRow {
    func reason(_ index: Int) throws(StoreError) -> Int? {
        try optional(index) { (row, index) throws(StoreError) in Int(try row.integer(index)) }
    }
}
