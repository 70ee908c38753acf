/// What the process ends with. docs/exit-codes.md is compared with this by a test.
enum ProcessStatus: Int32, CaseIterable, Sendable {
    case success = 0
    case failure = 1
    case unchanged = 2
    case usage = 64
    case damagedDatabase = 65
    case noData = 66
    case notFound = 67
    case portInUse = 68
    case addressUnavailable = 69
    case software = 70
    case diskFull = 71
    case keyFile = 72
    case cannotWrite = 73
    case inputOutput = 74
    case busy = 75
    case clock = 76
    case notPermitted = 77
    case configuration = 78
    case wrongPassphrase = 79
    case openPassphrase = 80
    case alreadyRunning = 81
    case unfinished = 82
    case tlsFiles = 83
    case newerDatabase = 84

    /// One line for the page: when this happens and what to do.
    var meaning: String {
        switch self {
        case .success: "Done; `serve` was told to stop and drained."
        case .failure: "Something else failed; the message says what."
        case .unchanged: "Nothing to do: it is already so (a certificate already revoked, an account already deactivated)."
        case .usage: "The command line is wrong. `--help` shows the right one."
        case .damagedDatabase: "The database is damaged or no database. Stop the server and put a backup back."
        case .noData:
            "The data folder is missing, is no folder, or holds no authority yet. Correct `--data`, or run `chanceryd init`."
        case .notFound: "There is no such certificate, account or order."
        case .portInUse: "Another process listens on the port. Stop it, or change `listen` or `http-listen`."
        case .addressUnavailable: "The address to listen on is not one of this machine's. Change `listen` or `http-listen`."
        case .software: "A fault of chanceryd itself. Please report it with the message."
        case .diskFull: "The disk of the data folder is full. Nothing that was acknowledged is lost; make room and start again."
        case .keyFile:
            "A key file or certificate of the authority is missing, damaged or belongs to another. Put the named file back."
        case .cannotWrite: "The data folder cannot be written. Give it to the user who runs chanceryd."
        case .inputOutput:
            "Reading or writing failed below chanceryd; a server stops then, for only a new start knows what is on the disk. Look at the disk."
        case .busy: "The database was held by someone else for too long, or files or memory ran out. Try again."
        case .clock: "The clock is before the last signature. Correct the clock; signing in the past is refused."
        case .notPermitted: "The system forbids it: a port below 1024, or a file of another user."
        case .configuration: "Settings are wrong; every fault is named on a line of its own."
        case .wrongPassphrase: "The passphrase is missing or does not open the key."
        case .openPassphrase: "A file with a passphrase or key can be read by others. `chmod 600` it."
        case .alreadyRunning: "Another chanceryd holds the data folder. Stop it first."
        case .unfinished: "The authority was set up in part and cannot be completed by itself; the message names the file."
        case .tlsFiles: "`tls-certificate` and `tls-key` cannot be used: missing, damaged, or not a pair."
        case .newerDatabase: "The database was written by a newer chanceryd. Run that one."
        }
    }
}

/// Rows of docs/exit-codes.md, in order.
func exitCodeTable() -> String {
    var text = "| Code | Name | Meaning |\n|---|---|---|\n"
    for status in ProcessStatus.allCases { text += "| \(status.rawValue) | \(status) | \(status.meaning) |\n" }
    return text
}

/// The end of a command: one clear sentence that names what to change, and the code.
struct Failure: Error, Equatable, CustomStringConvertible {
    let status: ProcessStatus
    let sentence: String

    init(_ status: ProcessStatus, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }

    var description: String { sentence }
}
