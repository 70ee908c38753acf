internal import Foundation

/// Which database, of which engine.
package enum DatabaseLocation: Sendable {
    case sqlite(path: String)
    case postgreSQL(PostgreSQLAddress)

    /// - Parameters:
    ///   - text: `postgresql://…`, `postgres://…`, or `sqlite:PATH`.
    ///   - folder: what a relative PATH starts from.
    ///   - password: of the PostgreSQL role, where libpq does not find it by itself.
    /// - Throws: `unsuitable` for any other form.
    package init(_ text: String, relativeTo folder: String, password: String? = nil) throws(StoreError) {
        if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            self = .postgreSQL(try PostgreSQLAddress(url: text, password: password))
            return
        }
        let path = text.dropFirst("sqlite:".count)
        guard text.hasPrefix("sqlite:"), !path.isEmpty, !path.hasPrefix("//"), !path.utf8.contains(0) else {
            throw .unsuitable("its name must be postgresql://USER@HOST/DATABASE or sqlite:PATH")
        }
        self = .sqlite(
            path: URL(fileURLWithPath: String(path), relativeTo: URL(fileURLWithPath: folder + "/")).standardizedFileURL.path)
    }

    /// For messages; without secrets.
    package var place: String {
        switch self {
        case .sqlite(let path): "sqlite:\(path)"
        case .postgreSQL(let address): address.place
        }
    }
}
