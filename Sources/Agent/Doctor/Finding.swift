import ACMEClient

/// Something that the doctor saw.
package struct Finding: Sendable, Hashable, Encodable {
    package enum Severity: String, Sendable, Codable, CaseIterable {
        /// Something does not work, or will not.
        case trouble
        /// Something may not work.
        case warning
        /// Worth knowing.
        case note
    }
    package enum Check: String, Sendable, Codable, CaseIterable {
        case store, authority, clock, limits, dns, dnssec, caa, address, port, proof, served, deployment, host
    }
    package let severity: Severity
    package let check: Check
    /// A name, a CA's name, a path, or a place such as `[2001:db8::1]:80`. Safe for a terminal, as all texts here.
    package let place: String
    /// What is the matter.
    package let text: String
    /// What to change; nil for a note that asks for nothing.
    package let change: String?

    init(_ severity: Severity, _ check: Check, _ place: String, _ text: String, change: String? = nil) {
        (self.severity, self.check, self.place) = (severity, check, place.sanitized)
        (self.text, self.change) = (text.sanitized, change?.sanitized)
    }
}

/// All that the doctor saw, the gravest first.
package struct DoctorReport: Sendable, Encodable {
    package let findings: [Finding]
    /// Certificates, names without one, and CAs that were looked at.
    package let certificates: Int
    package let names: Int
    package let authorities: Int

    init(_ found: [Finding], certificates: Int, names: Int, authorities: Int) {
        // Many certificates have the same trouble.
        var seen: Set<Finding> = []
        let order = Finding.Severity.allCases
        func rank(_ finding: Finding) -> Int { order.firstIndex(of: finding.severity) ?? 0 }
        let once = found.filter { seen.insert($0).inserted }
        findings = once.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(\.element)
        (self.certificates, self.names, self.authorities) = (certificates, names, authorities)
    }

    /// 3 if there is trouble, which a person must see to.
    package var code: ExitCode { findings.contains { $0.severity == .trouble } ? .needsPerson : .changed }
}
