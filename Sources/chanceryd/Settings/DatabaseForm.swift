import Foundation
import Store

extension Form where Value == String {
    /// A PostgreSQL URL without a password, or a SQLite file.
    static let database = Form(
        type: "database URL", range: "`postgresql://USER@HOST[:PORT]/DATABASE[?…]` in any form of libpq, or `sqlite:PATH`"
    ) { (text) throws(BadValue) in
        do throws(StoreError) { _ = try DatabaseLocation(text, relativeTo: "/") } catch {
            throw BadValue(
                "postgresql://USER@HOST/DATABASE without a password (that belongs in PGPASSFILE or database-password-file), or sqlite:PATH"
            )
        }
        return text
    } show: {
        $0
    }
}
