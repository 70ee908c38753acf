/// Why the store did not do what it was asked. Nothing of the verb was written, save perhaps with `unknownOutcome`.
package enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The queue of commits is full, or another process held the database for too long. Worth trying again.
    case busy
    /// The row is not in the state that the verb expects, or what must be unique is already there.
    case conflict(String)
    case notFound
    /// The disk (or quota) under `path` is full; commits work again once there is room.
    case full(path: String)
    /// Reading or writing the device failed. After that on a commit the engine takes on none any more, for what the system believes to
    /// be on the device may not be: only a new process, which reads it anew, may go on.
    case device(String)
    /// File descriptors or memory ran out; works again once there are some.
    case shortage(String)
    case readOnly(path: String)
    /// The file is no database, or a damaged one, or another program's.
    case corrupt(path: String, reason: String)
    /// Another server has the folder open.
    case inUse(folder: String)
    /// The folder holds no database (opened as a tool, which makes none).
    case missing(path: String)
    case newerSchema(found: Int, known: Int)
    /// Only for tools, which never migrate under a running server.
    case olderSchema(found: Int, known: Int)
    /// The database server can't be reached, or sends us away; worth trying again.
    case unavailable(String)
    /// The database server can't be relied on as it is set up, or its URL can't be used.
    case unsuitable(String)
    /// The connection was lost during a commit, and nobody could tell whether it took place. The only case in which the verb may
    /// have been written.
    case unknownOutcome(String)
    case closed
    /// A stored value that cannot be read, or a statement that the engine refuses: a fault of ours.
    case broken(String)

    package var description: String {
        switch self {
        case .busy: "The database is busy; try again in a moment."
        case .conflict(let what): "The change conflicts with what is stored: \(what)."
        case .notFound: "There is no such record."
        case .full(let path): "The disk under \(path) is full: free some space; nothing acknowledged is lost."
        case .device(let what): "The disk failed while the database was used: \(what)."
        case .shortage(let what): "Files or memory ran out while the database was used: \(what). It goes on once there is room."
        case .readOnly(let path): "The database \(path) cannot be written: check the permissions of the file and its folder."
        case .corrupt(let path, let reason): "The file \(path) is not a usable database (\(reason)): restore it from a backup."
        case .inUse(let folder):
            "Another chanceryd is already serving the folder \(folder): stop it first, or choose another --data."
        case .missing(let path): "There is no database at \(path): run `chanceryd init` or `serve` first, or correct --data."
        case .newerSchema(let found, let known):
            "The database has schema \(found), this program knows up to \(known): use the newer chanceryd that made it."
        case .olderSchema(let found, let known):
            "The database has schema \(found), this program needs \(known): run `chanceryd database migrate`."
        case .unavailable(let what): "The database cannot be reached: \(what)."
        case .unsuitable(let what): "The database cannot be used: \(what)."
        case .unknownOutcome(let what): "Whether the change was stored is not known: \(what)."
        case .closed: "The store is closed."
        case .broken(let what): "The store met something it cannot handle: \(what)."
        }
    }

    /// The transaction cannot go on, and whatever else rides in it cannot be trusted to.
    var endsTransaction: Bool {
        switch self {
        case .conflict, .notFound, .broken: false
        default: true
        }
    }
}
