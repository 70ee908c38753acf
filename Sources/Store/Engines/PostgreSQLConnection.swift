internal import CPostgres
internal import Foundation
internal import Synchronization

/// One libpq connection in pipeline mode: statements travel together, each wait has a deadline, values are binary.
/// Belongs to one thread at a time, which it blocks; `@unchecked` because it is handed from one thread to the next.
final class PostgreSQLConnection: @unchecked Sendable {
    /// What the next result will belong to.
    private enum Expected {
        case preparation(String)
        case answer(Int?)
        case sync
    }
    private struct Prepared {
        let name: String
        /// Object identifiers of the parameters' types; 0: not told.
        var types: [Oid]
    }

    private let connection: OpaquePointer
    private var prepared: [String: Prepared] = [:]
    private var expected: [Expected] = []
    private var made = 0
    private let notices = PostgreSQLNotices()
    private(set) var isUsable = true
    let deadline: Duration

    /// Returns when the server is there and greets.
    /// - Parameters:
    ///   - parameters: libpq's keywords and values.
    ///   - deadline: how long an answer may take.
    init(_ parameters: [(keyword: String, value: String)], deadline: Duration) throws(PostgreSQLFailure) {
        self.deadline = deadline
        let keywords = parameters.map { strdup($0.keyword) }
        let values = parameters.map { strdup($0.value) }
        defer { for text in keywords + values { free(text) } }
        let opened = (keywords.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { keywords in
            (values.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { values in
                PQconnectdbParams(keywords.baseAddress, values.baseAddress, 0)
            }
        }
        guard let opened else { throw PostgreSQLFailure(state: "", message: "out of memory", isLost: true) }
        // From here on every property has its value, so that a throw ends in `deinit`, which closes.
        connection = opened
        guard PQstatus(opened) == CONNECTION_OK else {
            let message = Self.line(PQerrorMessage(opened))
            throw PostgreSQLFailure(state: Self.state(ofRefusal: message), message: message, isLost: true)
        }
        notices.listen(to: opened)
        guard PQsetnonblocking(opened, 1) == 0, PQenterPipelineMode(opened) == 1 else {
            throw PostgreSQLFailure(state: "", message: "libpq refuses pipeline mode", isLost: true)
        }
    }

    deinit { PQfinish(connection) }

    var serverVersion: Int { Int(PQserverVersion(connection)) }

    /// Sends all, waits once, reads all.
    /// - Returns: an answer for each statement.
    /// - Throws: the first statement's failure; none behind it was run. Of a connection that is lost nobody knows how far it came.
    func exchange(_ statements: [Statement]) throws(PostgreSQLFailure) -> [PostgreSQLAnswer] {
        notices.clear()
        var answers = [PostgreSQLAnswer?](repeating: nil, count: statements.count)
        for (index, statement) in statements.enumerated() { try send(statement, as: index) }
        try sync()
        let failure = try receive { index, answer in answers[index] = answer }
        if let failure { throw failure }
        return answers.compactMap { $0 }
    }

    /// Sends a statement whose outcome nobody needs to know; it is read with the next exchange's.
    func sendUnread(_ statement: Statement) throws(PostgreSQLFailure) {
        try send(statement, as: nil)
        try sync()
        guard PQflush(connection) >= 0 else { throw lost() }
    }

    /// Warnings of the last exchange.
    var warnings: [String] { notices.warnings }

    // MARK: Sending

    private func send(_ statement: Statement, as index: Int?) throws(PostgreSQLFailure) {
        // Definitions are run once: nothing to keep.
        let isDefinition = ["CREATE", "ALTER", "DROP", "SET"].contains { statement.sql.hasPrefix($0) }
        let sent: Int32
        if isDefinition {
            sent = PQsendQueryParams(connection, statement.sql, 0, nil, nil, nil, nil, 1)
        } else {
            let name = try prepare(statement)
            sent = withParameters(statement.parameters) { count, values, lengths, formats in
                PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1)
            }
        }
        guard sent == 1 else { throw lost() }
        expected.append(.answer(index))
    }

    private func prepare(_ statement: Statement) throws(PostgreSQLFailure) -> String {
        let types = statement.parameters.map(\.type)
        if let known = prepared[statement.sql] {
            guard known.types.count == types.count, zip(known.types, types).allSatisfy({ $0 == $1 || $0 == 0 || $1 == 0 }) else {
                throw PostgreSQLFailure(state: "42P18", message: "a statement with values of other types", isLost: false)
            }
            // A column that was NULL the first time takes its type from the first value.
            prepared[statement.sql]?.types = zip(known.types, types).map { $0 == 0 ? $1 : $0 }
            return known.name
        }
        made += 1
        let new = Prepared(name: "s\(made)", types: types)
        guard PQsendPrepare(connection, new.name, statement.sql, Int32(types.count), types) == 1 else { throw lost() }
        prepared[statement.sql] = new
        expected.append(.preparation(statement.sql))
        return new.name
    }

    private func withParameters<T>(
        _ values: [SQLValue],
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> T
    ) -> T {
        var octets: [UInt8] = []
        var places: [Int?] = []
        var lengths: [Int32] = []
        for value in values {
            let start = octets.count
            value.appendBinary(to: &octets)
            places.append(value == .null ? nil : start)
            lengths.append(Int32(octets.count - start))
        }
        // Something must stand behind an empty value too: no address would mean NULL.
        octets.append(0)
        let formats = [Int32](repeating: 1, count: values.count)
        return octets.withUnsafeBytes { octets in
            let start = octets.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = places.map { place in place.flatMap { place in start.map { $0 + place } } }
            return body(Int32(values.count), pointers, lengths, formats)
        }
    }

    private func sync() throws(PostgreSQLFailure) {
        guard PQpipelineSync(connection) == 1 else { throw lost() }
        expected.append(.sync)
    }

    // MARK: Receiving

    /// Reads until the last sync.
    /// - Returns: the first failure of a statement that somebody waits for.
    private func receive(_ take: (Int, PostgreSQLAnswer) -> Void) throws(PostgreSQLFailure) -> PostgreSQLFailure? {
        let end = ContinuousClock.now.advanced(by: deadline)
        var failure: PostgreSQLFailure?
        let waited = expected
        expected = []
        for one in waited {
            let result = try result(before: end)
            switch one {
            case .sync:
                guard let result, PQresultStatus(result) == PGRES_PIPELINE_SYNC else { throw outOfStep(result) }
                PQclear(result)
            case .preparation(let sql):
                guard let result else { throw lost() }
                defer { PQclear(result) }
                if PQresultStatus(result) != PGRES_COMMAND_OK {
                    prepared[sql] = nil
                    note(result, unread: false, &failure)
                }
                try endOfResults(before: end)
            case .answer(let index):
                guard let result else { throw lost() }
                defer { PQclear(result) }
                switch PQresultStatus(result) {
                case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                    do throws(StoreError) {
                        let answer = try PostgreSQLAnswer(result)
                        if let index { take(index, answer) }
                    } catch {
                        failure = failure ?? PostgreSQLFailure(state: "XX000", message: error.description, isLost: false)
                    }
                default: note(result, unread: index == nil, &failure)
                }
                try endOfResults(before: end)
            }
        }
        return failure
    }

    private func note(_ result: OpaquePointer, unread: Bool, _ failure: inout PostgreSQLFailure?) {
        guard PQresultStatus(result) != PGRES_PIPELINE_ABORTED, failure == nil, !unread else { return }
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        let primary = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { Self.line($0) }
        failure = PostgreSQLFailure(
            state: state, message: primary ?? Self.line(PQresultErrorMessage(result)),
            isLost: PQstatus(connection) == CONNECTION_BAD)
    }

    private func endOfResults(before end: ContinuousClock.Instant) throws(PostgreSQLFailure) {
        if let another = try result(before: end) {
            PQclear(another)
            throw lost()
        }
    }

    /// The next result, or nil at the end of one statement's.
    private func result(before end: ContinuousClock.Instant) throws(PostgreSQLFailure) -> OpaquePointer? {
        while true {
            let flushed = PQflush(connection)
            if flushed < 0 { throw lost() }
            if PQisBusy(connection) == 0 { return PQgetResult(connection) }
            let left = ContinuousClock.now.duration(to: end) / .milliseconds(1)
            guard left > 0 else {
                isUsable = false
                throw PostgreSQLFailure(state: "", message: "the database did not answer within \(deadline)", isLost: true)
            }
            var one = pollfd(fd: PQsocket(connection), events: Int16(flushed == 1 ? POLLIN | POLLOUT : POLLIN), revents: 0)
            if poll(&one, 1, Int32(min(left.rounded(.up), 1_000_000))) < 0, errno != EINTR { throw lost() }
            if Int32(one.revents) & (POLLIN | POLLHUP | POLLERR | POLLNVAL) != 0, PQconsumeInput(connection) == 0 { throw lost() }
        }
    }

    private func outOfStep(_ result: OpaquePointer?) -> PostgreSQLFailure {
        guard let result else { return lost() }
        var failure: PostgreSQLFailure?
        note(result, unread: false, &failure)
        PQclear(result)
        isUsable = false
        failure?.isLost = true
        return failure ?? lost()
    }

    private func lost() -> PostgreSQLFailure {
        isUsable = false
        let message = Self.line(PQerrorMessage(connection))
        return PostgreSQLFailure(state: "", message: message.isEmpty ? "the connection was lost" : message, isLost: true)
    }

    /// libpq's messages may have several lines and end in one.
    private static func line(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        return String(cString: text).split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: "; ")
    }

    /// libpq gives no SQLSTATE for a refused connection, only the server's words, which may be translated: what isn't recognised stays
    /// "not available".
    private static func state(ofRefusal message: String) -> String {
        if message.contains("does not exist") && message.contains("database") { return "3D000" }
        let words = [
            "password authentication failed", "no password supplied", "no pg_hba.conf entry", "authentication failed",
            "certificate",
        ]
        return words.contains(where: message.contains) ? "28000" : ""
    }
}
