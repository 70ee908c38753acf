/// What PostgreSQL, or libpq, said instead of an answer.
struct PostgreSQLFailure: Error, Sendable, Equatable {
    /// Five characters (PostgreSQL, appendix A); empty when no server said it.
    var state: String
    /// One line, without the values of statements.
    var message: String
    /// The connection can't be used any more.
    var isLost: Bool

    /// Our own: the server can be reached, but must not be relied on.
    static let unfit = "CHUNF"

    /// Two transactions stood in each other's way; the same again may succeed.
    var isCollision: Bool { state == "40001" || state == "40P01" }
    /// What must be unique is there already; perhaps only since a moment ago.
    var isDuplicate: Bool { state == "23505" }
    /// The statement stayed in the queue for a row.
    var isLockTimeout: Bool { state == "55P03" }

    /// The server ends the connection, goes down, has become a standby, or has forgotten or outdated what was prepared: a new
    /// connection is wanted.
    var wantsNewConnection: Bool {
        isLost || state.hasPrefix("08") || state.hasPrefix("57P") || ["25006", "26000", "0A000", "25P03"].contains(state)
    }

    /// - Parameter place: the database, for the operator; without secrets.
    func storeError(_ place: String) -> StoreError {
        switch state {
        case "": .unavailable("\(message) (\(place))")
        case "40001", "40P01", "55P03", "57014": .busy
        case "53100": .full(path: place)
        case "25006", "26000", "0A000", "25P03": .unavailable("\(message) (\(place))")
        case Self.unfit: .unsuitable("\(message) (\(place))")
        case "42501": .unsuitable("\(message): let the role own the database (ALTER DATABASE … OWNER TO …) or grant it the right")
        case "3D000": .unsuitable("\(message): make it (CREATE DATABASE … ENCODING 'UTF8'), or correct the URL")
        case "XX001", "XX002": .corrupt(path: place, reason: message)
        case "58030": .device(message)
        default:
            switch state.prefix(2) {
            case "23": .conflict(message)
            case "28":
                .unsuitable(
                    "\(message): put the password in PGPASSFILE or database-password-file, or look at pg_hba.conf and the certificates"
                )
            case "08", "57", "53", "58": .unavailable("\(message) (\(place))")
            default: .broken("\(message) [\(state)]")
            }
        }
    }
}
