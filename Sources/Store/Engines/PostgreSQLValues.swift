internal import CPostgres
internal import Foundation
internal import Synchronization

/// One statement's answer and what kind of statement gave it.
struct PostgreSQLAnswer: Sendable {
    var answer: Answer
    /// The command tag's word: SELECT, INSERT, COMMIT …
    var command: String

    /// It changed something, as far as PostgreSQL tells; definitions always.
    var wrote: Bool {
        switch command {
        case "SELECT", "BEGIN", "ROLLBACK", "COMMIT", "SET": false
        case "INSERT", "UPDATE", "DELETE", "MERGE": answer.changed > 0
        default: true
        }
    }

    /// - Throws: `broken` for a column of a type that the store doesn't use.
    init(_ result: OpaquePointer) throws(StoreError) {
        let tag = String(cString: PQcmdStatus(result))
        command = String(tag.prefix { $0 != " " })
        answer = Answer(changed: command == "SELECT" ? 0 : Int(String(cString: PQcmdTuples(result))) ?? 0)
        let (rows, columns) = (PQntuples(result), PQnfields(result))
        answer.rows.reserveCapacity(Int(rows))
        for row in 0..<rows {
            var values: [SQLValue] = []
            values.reserveCapacity(Int(columns))
            for column in 0..<columns { values.append(try SQLValue(result, row, column)) }
            answer.rows.append(SQLRow(values: values))
        }
    }
}

extension SQLValue {
    /// Object identifiers of PostgreSQL's own types never change.
    private enum Types {
        static let (bool, bytea, name, int8, int2, int4): (Oid, Oid, Oid, Oid, Oid, Oid) = (16, 17, 19, 20, 21, 23)
        static let (text, varchar, void): (Oid, Oid, Oid) = (25, 1043, 2278)
    }

    /// 0 for NULL: the server takes it from the place where it stands.
    var type: Oid {
        switch self {
        case .null: 0
        case .integer: Types.int8
        case .text: Types.text
        case .bytes: Types.bytea
        }
    }

    func appendBinary(to octets: inout [UInt8]) {
        switch self {
        case .null: break
        case .integer(let value): withUnsafeBytes(of: value.bigEndian) { octets.append(contentsOf: $0) }
        case .text(let value): octets.append(contentsOf: value.utf8)
        case .bytes(let value): octets.append(contentsOf: value)
        }
    }

    fileprivate init(_ result: OpaquePointer, _ row: Int32, _ column: Int32) throws(StoreError) {
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else {
            self = .null
            return
        }
        let octets = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
        switch PQftype(result, column) {
        case Types.int8 where octets.count == 8: self = .integer(Int64(bigEndian: octets.loadUnaligned(as: Int64.self)))
        case Types.int4 where octets.count == 4: self = .integer(Int64(Int32(bigEndian: octets.loadUnaligned(as: Int32.self))))
        case Types.int2 where octets.count == 2: self = .integer(Int64(Int16(bigEndian: octets.loadUnaligned(as: Int16.self))))
        case Types.bool where octets.count == 1: self = .integer(Int64(octets[0]))
        case Types.text, Types.varchar, Types.name: self = .text(String(decoding: octets, as: UTF8.self))
        case Types.bytea: self = .bytes([UInt8](octets))
        case Types.void: self = .null
        case let other: throw .broken("a column of PostgreSQL's type \(other); cast it to BIGINT, TEXT or BYTEA")
        }
    }
}

/// Warnings of one connection; without a listener libpq prints them.
final class PostgreSQLNotices: Sendable {
    private let texts = Mutex<[String]>([])

    func listen(to connection: OpaquePointer) {
        // The connection's owner keeps this object for as long as the connection lives.
        PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<PostgreSQLNotices>.fromOpaque(context).takeUnretainedValue().note(result)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func clear() { texts.withLock { if !$0.isEmpty { $0 = [] } } }
    var warnings: [String] { texts.withLock { $0 } }

    private func note(_ result: OpaquePointer) {
        // "V": severity, never translated.
        guard let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))), String(cString: severity) == "WARNING" else {
            return
        }
        // A rollback where a failed commit had ended the transaction already.
        if let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))), String(cString: state) == "25P01" { return }
        let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) } ?? "a warning"
        texts.withLock { if $0.count < 16 { $0.append(text) } }
    }
}
