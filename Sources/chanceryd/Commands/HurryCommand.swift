import ACME
import ArgumentParser
import Foundation
import Store

/// Windows of renewal put into the past (RFC 9773): what an operator does before revoking, or before an issuer goes.
struct HurryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hurry",
        abstract: "Have certificates renewed now: clients that ask for renewal information find their window in the past.",
        discussion: """
            Nothing is revoked. Clients ask a few times a day (RFC 9773), so allow a day or two before you revoke. Certificates that have
            run out or are revoked are passed over.

              chanceryd certificate hurry 3A:04:C2:… --explanation https://ca.example.org/why --data ./ca
              chanceryd certificate hurry --account ID --data ./ca
              chanceryd certificate hurry --all --data ./ca
              chanceryd certificate hurry --all --withdraw --data ./ca
            """)
    @OptionGroup var place: DataOptions
    @Argument(help: "Serial numbers in hexadecimal, with or without colons.") var serials: [String] = []
    @Option(help: "Those with exactly this name.") var name: String?
    @Option(help: ArgumentHelp("Those of this account.", valueName: "ID")) var account: String?
    @Flag(help: "Every certificate that is still valid.") var all = false
    @Option(help: ArgumentHelp("A page that tells people why; clients show it.", valueName: "URL")) var explanation: String?
    @Flag(help: "Take it back: the usual windows hold again.") var withdraw = false
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let chosen = [!serials.isEmpty, name != nil || account != nil, all].filter(\.self).count
        guard chosen == 1 else {
            throw Failure(.usage, "Say which certificates: serial numbers, or --name and --account, or --all.")
        }
        let numbers = try serials.map { try serialNumber($0) }
        let filter = CertificateFilter(
            name: name?.lowercased(), account: try account.map { try recordID($0, of: "an account") }, revoked: false)
        let reason = try explanation.map { (text) throws(Failure) in
            do throws(BadValue) { return try Form<String>.link.read(text) } catch {
                throw Failure(.usage, "--explanation: write \(error.wanted).")
            }
        }
        try await withStore(place) { store in
            var count = 0
            if numbers.isEmpty {
                var cursor: StoredCertificate?
                repeat {
                    let page = try await store.certificates(filter, after: cursor, limit: 200)
                    cursor = page.last
                    count += try await hurry(page, reason, store)
                } while cursor != nil
            } else {
                // All are found before any is touched.
                var found: [StoredCertificate] = []
                for number in numbers { found.append(try await store.certificate(serial: number)) }
                count = try await hurry(found, reason, store)
            }
            try tell(count)
        }
    }

    private func hurry(_ certificates: [StoredCertificate], _ reason: String?, _ store: AuthorityStore) async throws -> Int {
        let now = Date()
        let valid = certificates.filter { $0.revoked == nil && $0.notAfter > now }.map(\.id)
        guard !withdraw else { return try await store.withdrawRenewal(of: valid) }
        try await store.announceRenewal(of: valid, RenewalAnnouncement(at: now, explanation: reason))
        return valid.count
    }

    private func tell(_ count: Int) throws(Failure) {
        if json { say(JSONText.object([(withdraw ? "withdrawn" : "hurried", .number(count))]).text) }
        guard count > 0 else {
            throw Failure(.unchanged, json ? "" : "There is no such certificate that is still valid; nothing was changed.")
        }
        guard !json else { return }
        let certificates = count == 1 ? "1 certificate" : "\(count) certificates"
        say(
            withdraw
                ? "The usual renewal windows hold again for \(certificates)." : "Clients are asked to renew \(certificates) now.")
    }
}
