internal import Foundation

/// What a database must do for the store. The SQL is the same for all: `$1` parameters whose first uses ascend,
/// `ON CONFLICT` and `RETURNING`; BIGINT microseconds, BYTEA, TEXT. What differs stays behind this protocol.
protocol Engine: Sendable {
    /// Runs the verbs in order in one transaction and makes it durable. Called by one thread at a time, which it blocks.
    /// A verb that throws is undone alone, unless its error ends the transaction: then none is done.
    /// - Returns: for each verb nil, when it is on disk, or why it is not.
    func commit(_ verbs: [Verb]) -> [StoreError?]
    /// Runs `body` on a connection that cannot write.
    /// - Parameter snapshot: whether all statements must see the same state; one statement always does.
    func read<T: Sendable>(snapshot: Bool, _ body: (any Session) throws(StoreError) -> T) async throws(StoreError) -> T
    /// Why nothing will be committed any more, however long one waits: the device failed under a commit. Nil as long as all is well.
    var failure: StoreError? { get }
    /// After this no other call.
    func close()
}

extension Engine {
    /// An engine that finds its way back by itself never ends.
    var failure: StoreError? { nil }
}

typealias Verb = @Sendable (any Session) throws(StoreError) -> Void

/// One connection, for as long as a verb or a reading lasts.
protocol Session {
    /// - Returns: how many rows it changed.
    @discardableResult
    func run(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> Int
    /// All rows; bound them by LIMIT or by key.
    func rows(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> [SQLRow]
    /// The names of the tables that the database holds.
    func tables() throws(StoreError) -> [String]
}

extension Session {
    /// The first row, if there is one.
    func row(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> SQLRow? {
        try rows(sql, parameters).first
    }
}

enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

/// A row's columns by position; a column of another type than asked for is `broken`.
struct SQLRow: Sendable, Equatable {
    let values: [SQLValue]

    private func value(_ index: Int) -> SQLValue { values.indices.contains(index) ? values[index] : .null }

    func isNull(_ index: Int) -> Bool { value(index) == .null }

    func integer(_ index: Int) throws(StoreError) -> Int64 {
        guard case .integer(let value) = value(index) else { throw .broken("column \(index) holds no integer") }
        return value
    }

    func text(_ index: Int) throws(StoreError) -> String {
        guard case .text(let value) = value(index) else { throw .broken("column \(index) holds no text") }
        return value
    }

    func bytes(_ index: Int) throws(StoreError) -> [UInt8] {
        guard case .bytes(let value) = value(index) else { throw .broken("column \(index) holds no bytes") }
        return value
    }

    func id(_ index: Int) throws(StoreError) -> RecordID {
        guard let id = RecordID(bytes: try bytes(index)) else { throw .broken("column \(index) holds no identifier") }
        return id
    }

    func time(_ index: Int) throws(StoreError) -> Date { Date(microseconds: try integer(index)) }

    /// The column through `read`, nil where it is NULL.
    func optional<T>(_ index: Int, _ read: (SQLRow, Int) throws(StoreError) -> T) throws(StoreError) -> T? {
        isNull(index) ? nil : try read(self, index)
    }

    /// The column as a case of a text enumeration.
    func word<T: RawRepresentable<String>>(_ index: Int, as type: T.Type = T.self) throws(StoreError) -> T {
        let text = try text(index)
        guard let value = T(rawValue: text) else { throw .broken("column \(index) holds the unknown word \(text)") }
        return value
    }
}
