package import Foundation

/// How far a certificate has come on its way to being served; `state/NAME/deployment.json`.
package struct Deployment: Sendable, Equatable, Codable {
    package enum State: String, Sendable, Codable {
        /// The new files lie ready; nothing that serves has changed.
        case staged
        /// Servers were told to reload.
        case deployed
        /// Each target shows it, everywhere that was looked.
        case verified
        /// Like `deployed`, and there is a target that is to be looked at nowhere: `verify=none`, a program, files.
        case unverified
        /// It failed, and what was served before is served again.
        case putBack = "put-back"
        /// It failed, and so did putting back: what was served before is kept beside, and `reason` says where.
        case stuck
    }
    /// Of the certificate.
    package var serial: String
    package var state: State
    package var at: Date
    /// Why it was put back. Safe for a terminal.
    package var reason: String?
    /// Until it is decided: where `served/NAME` pointed before, which is where it goes back to, also after a crash.
    var before: String?

    /// Whether it may yet be put back: it goes on, or was broken off.
    var isOpen: Bool { [.staged, .deployed, .stuck].contains(state) }
}

extension StoreFolder {
    func served(_ name: String) -> String { "\(path)/served/\(name)" }

    /// - Returns: nil if there is none, or none that can be read.
    func deployment(_ name: String) -> Deployment? {
        (try? read(Deployment.self, from: "\(state(name))/deployment.json")) ?? nil
    }

    func save(_ deployment: Deployment, of name: String) throws(AgentError) {
        try Files.makeFolder(state(name))
        try write(deployment, to: "\(state(name))/deployment.json")
    }
}
