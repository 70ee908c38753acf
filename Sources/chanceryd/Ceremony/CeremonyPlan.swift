import ACME
import Foundation

/// The choices of a set-up, kept on disk while it runs, so that what a crash left is completed as it was meant (a name constraint
/// that got lost on the way would be found by nobody).
struct CeremonyPlan: Codable, Equatable, Sendable {
    var name = Settings().authorityName
    var organisation: String?
    var keyType = "p256"
    /// Seconds.
    var rootLifetime = 20 * 365 * 86_400
    var intermediateLifetime = 10 * 365 * 86_400
    /// DNS names below which the intermediate may issue; empty: everywhere.
    var permitted: [String] = []
    /// Keys of chancery.yaml that the person chose, in its form.
    var settings: [String: [String]] = [:]

    /// - Throws: `.usage`, naming the flag.
    func check() throws(Failure) {
        guard intermediateLifetime <= rootLifetime else {
            throw Failure(.usage, "--intermediate-lifetime is longer than --root-lifetime; shorten it.")
        }
        for name in permitted where !isHostName(name) || name != name.lowercased() {
            throw Failure(
                .usage, "--permit \(name.printable(limit: 80)): write a domain name in lower case, such as corp.example.")
        }
    }

    var json: [UInt8] {
        get throws(Failure) {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            do { return Array(try encoder.encode(self)) } catch {
                throw Failure(.software, "The plan cannot be written down: \(error)")
            }
        }
    }

    init() {}

    /// - Throws: `.unfinished` when the file is no plan.
    init(reading path: String) throws(Failure) {
        guard let bytes = try readFile(path, upTo: 1 << 20), let plan = try? JSONDecoder().decode(Self.self, from: Data(bytes))
        else {
            throw Failure(
                .unfinished,
                "\(path) is no plan of a set-up; if no client trusts this authority yet, empty the folder and start again.")
        }
        self = plan
    }
}
