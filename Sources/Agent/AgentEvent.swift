import ACME
import ACMEClient
package import Foundation

/// A step that was taken, told while it happens. Encodes as one JSON object with `event` and its own members.
package enum AgentEvent: Sendable, Equatable, Encodable {
    case waitingForLock
    case directoryRead(ca: String, bindingRequired: Bool, terms: String?)
    case accountKeyMade(thumbprint: String)
    case accountReady(url: String, created: Bool)
    case ordered(url: String, names: [String])
    /// What the CA offers for a name, in its own words, and which of it is answered, and how.
    case challengesOffered(name: String, types: [String], answered: String, by: String)
    case alreadyValid(name: String)
    case answerPlaced(name: String, type: String)
    case validated(name: String)
    case answerRemoved(name: String, type: String)
    case finalizing(keyType: KeyType)
    case installed(name: String, folder: String, notAfter: Date, serial: String)
    case deployed(name: String)
    /// A server shows the new certificate at this place.
    case seen(name: String, place: String)
    /// What was served before is served again.
    case putBack(name: String, reason: String)
    case deployFailed(name: String, reason: String)
    case notDue(name: String, due: Date)
    /// The CA suggests another window than before; `chosen` in it was chosen by chance. `page` says why, in the CA's words.
    case advised(name: String, start: Date, end: Date, chosen: Date, page: String?)
    /// A CA failed, and the next one of the pool is asked. Directory URLs.
    case failedOver(name: String, from: String, to: String, reason: String)
    case due(name: String, reason: RenewalReason)
    /// A backup CA issued a certificate, which was thrown away.
    case drilled(ca: String, name: String, serial: String, seconds: Double)
    case drillFailed(ca: String, name: String, reason: String)
    /// A stage of a switch to another CA begins. `number` from 1; `size` of its certificates.
    case switchStage(number: Int, of: Int, size: Int)
    /// A certificate is another CA's now; `seen` where every place shows it.
    case switched(name: String, serial: String, seen: Bool)
    /// A certificate could not be moved, and is served as before.
    case switchFailed(name: String, reason: String)
    /// What is ordered by force costs this much of the CA's limits.
    case cost(name: String, ca: String, text: String)
    case sleeping(until: Date)
    case postponed(name: String, until: Date, reason: String)
    case dryRunPassed(names: [String])
    case revoked(name: String, serial: String)
    case warning(String)

    /// One line for a person, safe for a terminal.
    package var line: String {
        switch self {
        case .waitingForLock: "Another chancery works on this store; waiting for it."
        case .directoryRead(let ca, let binding, let terms):
            "The CA answers at \(ca.sanitized)\(binding ? "; it wants an account binding" : "")\(terms.map { "; its terms: \($0.sanitized)" } ?? "")."
        case .accountKeyMade(let thumbprint): "Made the account key pair \(thumbprint)."
        case .accountReady(let url, let created):
            "\(created ? "Registered the account" : "The account is") \(url.sanitized): the CA accepted its nonce signed with the account key."
        case .ordered(let url, let names): "Ordered \(names.joined(separator: ", ")) (\(url.sanitized))."
        case .challengesOffered(let name, let types, let answered, let by):
            "\(name.sanitized): the CA offers \(types.joined(separator: ", ").sanitized); \(answered) is answered by \(by)."
        case .alreadyValid(let name): "\(name.sanitized) is validated already."
        case .answerPlaced(let name, let type): "\(name.sanitized): the answer to \(type) is in place."
        case .validated(let name): "\(name.sanitized) is validated."
        case .answerRemoved(let name, let type): "\(name.sanitized): the answer to \(type) is removed."
        case .finalizing(let keyType): "Made a key (\(keyType.rawValue)) and sent the request to be signed."
        case .installed(let name, let folder, let notAfter, let serial):
            "Installed \(name) in \(folder): serial \(serial), valid until \(RFC3339.string(notAfter))."
        case .deployed(let name): "\(name) is put to use."
        case .seen(let name, let place): "\(name) is seen: \(place.sanitized)."
        case .putBack(let name, let reason): "\(name): \(reason)"
        case .deployFailed(let name, let reason): "\(name) is installed but not served: \(reason)"
        case .notDue(let name, let due): "\(name) is not due before \(RFC3339.string(due))."
        case .advised(let name, let start, let end, let chosen, let page):
            "\(name): its CA advises renewal between \(RFC3339.string(start)) and \(RFC3339.string(end)); chosen: \(RFC3339.string(chosen))\(page.map { "; why: \($0.sanitized)" } ?? "")."
        case .failedOver(let name, let from, let to, let reason):
            "\(name): \(from.sanitized) failed, so that \(to.sanitized) is asked. \(reason)"
        case .cost(let name, let ca, let text): "\(name): this costs at \(ca.sanitized): \(text)"
        case .due(let name, let reason): "\(name) is renewed: \(reason.words)."
        case .drilled(let ca, let name, let serial, let seconds):
            "\(ca.sanitized) issued \(name) in \(Int(seconds.rounded())) s, serial \(serial); it is thrown away."
        case .drillFailed(let ca, let name, let reason): "\(ca.sanitized) would not take over \(name): \(reason)"
        case .switchStage(let number, let count, let size):
            "Stage \(number) of \(count): \(size) certificate\(size == 1 ? "" : "s")."
        case .switched(let name, let serial, let seen):
            "\(name) is moved: serial \(serial)\(seen ? ", seen at every place" : "; there is no place at which to see it")."
        case .switchFailed(let name, let reason): "\(name) is not moved: \(reason)"
        case .sleeping(let until): "Nothing to do before \(RFC3339.string(until))."
        case .postponed(let name, let until, let reason):
            "\(name) is due, but left alone until \(RFC3339.string(until)): \(reason)"
        case .dryRunPassed(let names):
            "Dry run passed for \(names.joined(separator: ", ")): every name was validated, nothing was kept."
        case .revoked(let name, let serial): "Revoked \(name), serial \(serial)."
        case .warning(let text): "Warning: \(text)"
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    /// Texts of the CA stand inside raw: JSON escapes what a terminal would obey.
    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Name.self)
        func put(_ event: String, _ members: [(String, any Encodable)]) throws {
            try object.encode(event, forKey: Name("event"))
            for (name, value) in members { try object.encode(value, forKey: Name(name)) }
        }
        switch self {
        case .waitingForLock: try put("waiting-for-lock", [])
        case .directoryRead(let ca, let binding, let terms):
            try put("directory-read", [("ca", ca), ("bindingRequired", binding)] + (terms.map { [("terms", $0)] } ?? []))
        case .accountKeyMade(let thumbprint): try put("account-key-made", [("thumbprint", thumbprint)])
        case .accountReady(let url, let created): try put("account-ready", [("account", url), ("created", created)])
        case .ordered(let url, let names): try put("ordered", [("order", url), ("names", names)])
        case .challengesOffered(let name, let types, let answered, let by):
            try put("challenges-offered", [("name", name), ("types", types), ("answered", answered), ("by", by)])
        case .alreadyValid(let name): try put("already-valid", [("name", name)])
        case .answerPlaced(let name, let type): try put("answer-placed", [("name", name), ("type", type)])
        case .validated(let name): try put("validated", [("name", name)])
        case .answerRemoved(let name, let type): try put("answer-removed", [("name", name), ("type", type)])
        case .finalizing(let keyType): try put("finalizing", [("keyType", keyType.rawValue)])
        case .installed(let name, let folder, let notAfter, let serial):
            try put(
                "installed", [("name", name), ("folder", folder), ("notAfter", RFC3339.string(notAfter)), ("serial", serial)])
        case .deployed(let name): try put("deployed", [("name", name)])
        case .seen(let name, let place): try put("seen", [("name", name), ("place", place)])
        case .putBack(let name, let reason): try put("put-back", [("name", name), ("reason", reason)])
        case .deployFailed(let name, let reason): try put("deploy-failed", [("name", name), ("reason", reason)])
        case .notDue(let name, let due): try put("not-due", [("name", name), ("due", RFC3339.string(due))])
        case .advised(let name, let start, let end, let chosen, let page):
            try put(
                "advised",
                [
                    ("name", name), ("start", RFC3339.string(start)), ("end", RFC3339.string(end)),
                    ("chosen", RFC3339.string(chosen)),
                ] + (page.map { [("page", $0)] } ?? []))
        case .failedOver(let name, let from, let to, let reason):
            try put("failed-over", [("name", name), ("from", from), ("to", to), ("reason", reason)])
        case .cost(let name, let ca, let text): try put("cost", [("name", name), ("ca", ca), ("text", text)])
        case .due(let name, let reason): try put("due", [("name", name), ("reason", reason.rawValue)])
        case .drilled(let ca, let name, let serial, let seconds):
            try put("drilled", [("ca", ca), ("name", name), ("serial", serial), ("seconds", seconds)])
        case .drillFailed(let ca, let name, let reason):
            try put("drill-failed", [("ca", ca), ("name", name), ("reason", reason)])
        case .switchStage(let number, let count, let size):
            try put("switch-stage", [("number", number), ("of", count), ("size", size)])
        case .switched(let name, let serial, let seen):
            try put("switched", [("name", name), ("serial", serial), ("seen", seen)])
        case .switchFailed(let name, let reason): try put("switch-failed", [("name", name), ("reason", reason)])
        case .sleeping(let until): try put("sleeping", [("until", RFC3339.string(until))])
        case .postponed(let name, let until, let reason):
            try put("postponed", [("name", name), ("until", RFC3339.string(until)), ("reason", reason)])
        case .dryRunPassed(let names): try put("dry-run-passed", [("names", names)])
        case .revoked(let name, let serial): try put("revoked", [("name", name), ("serial", serial)])
        case .warning(let text): try put("warning", [("text", text)])
        }
    }
}
