import Foundation
import Signing
import Store

/// The database that the settings choose; the data folder's own file where they choose none.
/// - Throws: `.openPassphrase` for a password that others can read, `.configuration` for an empty one.
func databaseLocation(_ settings: Settings, _ folder: DataFolder, environment: [String: String]) throws(Failure)
    -> DatabaseLocation
{
    guard let text = settings.database else { return .sqlite(path: folder.database) }
    return try databaseLocation(text, settings, folder, environment: environment)
}

/// - Parameter text: `postgresql://…` or `sqlite:PATH`.
func databaseLocation(
    _ text: String, _ settings: Settings, _ folder: DataFolder, environment: [String: String]
) throws(Failure) -> DatabaseLocation {
    let password = try databasePassword(settings, environment: environment)
    do throws(StoreError) {
        return try DatabaseLocation(text, relativeTo: folder.path, password: password)
    } catch { throw Failure(.configuration, error.description) }
}

/// Of the setting's file, or of the systemd credential of the usual name; nil: libpq finds one by itself, or none is needed.
private func databasePassword(_ settings: Settings, environment: [String: String]) throws(Failure) -> String? {
    let credential = environment["CREDENTIALS_DIRECTORY"].map { "\($0)/database-password" }.flatMap { exists($0) ? $0 : nil }
    guard let path = settings.databasePasswordFile ?? credential else { return nil }
    if path == settings.databasePasswordFile {
        do throws(SigningError) { try AtomicFile.requirePrivate(path) } catch { throw Failure(error) }
    }
    guard let bytes = try readFile(path, upTo: 4096) else {
        throw Failure(.configuration, "database-password-file: there is no file \(path); make it, or remove the setting.")
    }
    let line = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
    guard !line.isEmpty, !line.contains(0), let text = String(validating: line, as: UTF8.self) else {
        throw Failure(.configuration, "\(path): the first line holds no password; write it there.")
    }
    return text
}
