import ACMEClient
import Foundation
import PKIX

extension CertificateAgent {
    /// What servers show, against what is live.
    func examineServed(_ lineage: Lineage) async -> [Finding] {
        var findings: [Finding] = []
        if !lineage.served {
            let failure = store.failures(lineage.name, .deploy)
            findings.append(
                Finding(
                    .trouble, .deployment, lineage.name,
                    "the certificate is issued, but not put to use. \(failure?.reason ?? "")",
                    change: "Mend what is named, then `chancery renew \(lineage.name)`."))
        }
        if let failures = store.failures(lineage.name) {
            findings.append(
                Finding(
                    .warning, .deployment, lineage.name,
                    "the last \(failures.count == 1 ? "attempt" : "\(failures.count) attempts") to renew it failed. \(failures.reason)",
                    change: "What is found here may say why; then `chancery renew \(lineage.name) --force`."))
        }
        guard let text = try? store.read("fullchain.pem", of: lineage.name), let blocks = try? PEM.decode(text),
            let leaf = blocks.first
        else { return findings }
        for target in (lineage.targets ?? []).compactMap({ try? InstallTarget($0) }) {
            for place in await target.endpoints(lineage.names) {
                do throws(AgentError) {
                    let shown = try await Probe.certificates(at: place)
                    findings += judge(shown, leaf.bytes, Array(blocks.dropFirst().map(\.bytes)), place.description, lineage)
                } catch {
                    findings.append(
                        Finding(
                            .trouble, .served, place.description, error.message,
                            change:
                                "Start \(target.kind), or say with --install \(target.kind):verify=… where it shows its certificate."
                        ))
                }
            }
        }
        return findings
    }

    private func judge(
        _ shown: [[UInt8]], _ leaf: [UInt8], _ issuers: [[UInt8]], _ place: String, _ lineage: Lineage
    ) -> [Finding] {
        guard let first = shown.first else { return [] }
        guard first == leaf else {
            let other = try? Certificate509(der: first)
            let serial = other?.serialText ?? "unreadable"
            let isOlder = lineage.history.contains { $0.serial == serial }
            let expired = other.map { $0.notAfter < configuration.now() } == true ? ", which has expired" : ""
            return [
                Finding(
                    .trouble, .served, place,
                    isOlder
                        ? "an older certificate is shown (serial \(serial)\(expired))"
                        : "another certificate is shown (serial \(serial)\(expired)), which is not of this store",
                    change: isOlder
                        ? "Have the server read its files again: `chancery renew \(lineage.name)` does it where there is a debt, else reload the server."
                        : "Let the server's configuration name the files of \(store.live(lineage.name)), or those of `served`.")
            ]
        }
        guard Set(issuers).isSubset(of: shown) else {
            return [
                Finding(
                    .warning, .served, place, "the certificate is shown without all of its issuers, which some programs refuse",
                    change: "Let the server use fullchain.pem.")
            ]
        }
        return []
    }
}
