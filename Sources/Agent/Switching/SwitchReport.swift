import ACME
import ACMEClient
package import Foundation

/// What a switch did: `ca switch` shows it, and a signed copy lies in `reports/switch-ID.json`.
package struct SwitchReport: Sendable, Equatable, Codable {
    package struct Certificate: Sendable, Equatable, Codable {
        package let name: String
        /// From 1.
        package let stage: Int
        package let state: SwitchEntry.State
        /// Directory URLs.
        package let oldCA: String?
        package let newCA: String?
        /// Upper-case hexadecimal.
        package let oldSerial: String?
        package let newSerial: String?
        package let began: Date?
        package let ended: Date?
        package let attempts: Int
        package let reason: String?
    }

    package let id: String
    /// Directory URLs.
    package let from: String
    package let to: String
    package let state: SwitchRecord.State
    package let reason: String?
    package let until: Date?
    package let began: Date
    package let ended: Date?
    /// Of the certificates, from the first one's beginning to the last one's end.
    package let seconds: Double
    package let stages: [Int]
    package let total: Int
    /// Seen at every place.
    package let verified: Int
    /// Moved, without a place at which to see it.
    package let unverified: Int
    package let failed: Int
    /// Revoked, removed or moved elsewhere in the meantime.
    package let gone: Int
    package let waiting: Int
    package let certificates: [Certificate]
    /// The signed copy's path; nil before there is one.
    package var file: String?

    package var code: ExitCode {
        switch state {
        case .finished, .abandoned: failed == 0 ? .changed : .failed
        case .running: .changed
        case .paused: .wait
        case .stopped: .needsPerson
        }
    }
}

/// A signed report, looked at.
package struct CheckedReport: Sendable, Equatable, Encodable {
    package let report: SwitchReport
    /// Of the key that signed (RFC 7638).
    package let thumbprint: String
    /// Whether that is the key of this store.
    package let isOurs: Bool
}

extension CertificateAgent {
    func report(_ record: SwitchRecord) -> SwitchReport {
        var certificates: [SwitchReport.Certificate] = []
        for (index, slice) in record.slices.enumerated() {
            for name in slice {
                let entry = store.switchEntry(name, of: record.id)
                certificates.append(
                    SwitchReport.Certificate(
                        name: name, stage: index + 1, state: entry?.state ?? .waiting, oldCA: entry?.oldCA, newCA: entry?.newCA,
                        oldSerial: entry?.oldSerial, newSerial: entry?.newSerial, began: entry?.began, ended: entry?.ended,
                        attempts: entry?.attempts ?? 0, reason: entry?.reason))
            }
        }
        func count(_ state: SwitchEntry.State) -> Int { certificates.count { $0.state == state } }
        let (first, last) = (certificates.compactMap(\.began).min(), certificates.compactMap(\.ended).max())
        let file = store.report(record.id)
        return SwitchReport(
            id: record.id, from: record.from, to: record.to, state: record.state, reason: record.reason, until: record.until,
            began: record.began, ended: record.ended, seconds: first.flatMap { last?.timeIntervalSince($0) } ?? 0,
            stages: record.stages, total: certificates.count, verified: count(.verified), unverified: count(.unverified),
            failed: count(.failed), gone: count(.gone), waiting: count(.waiting), certificates: certificates,
            file: FileManager.default.fileExists(atPath: file) ? file : nil)
    }

    /// Writes the report as a flattened JWS (RFC 7515 section 7.2.2) by the store's own key, whose public half stands in the header as `jwk`.
    func signed(_ report: SwitchReport) throws(AgentError) -> SwitchReport {
        var told = report
        told.file = store.report(report.id)
        let key = try store.reportKey()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = JSONEncoder.acme.dateEncodingStrategy
        let message: [UInt8]
        do {
            message = try key.message(
                payload: Array(encoder.encode(told)), url: Self.reportURL, nonce: nil, signer: nil)
        } catch { throw .failed("The report cannot be signed: \(error)") }
        try Files.makeFolder("\(store.path)/reports")
        try Files.replace(told.file ?? "", with: message + [0x0A], mode: 0o644)
        return told
    }

    /// The `url` of the protected header, so that no signature of this key means anything else.
    private static let reportURL = "urn:chancery:switch-report"

    /// Checks the signature of a report.
    /// - Parameter path: of the file.
    /// - Throws: `failed` if it is no report, or was changed after it was signed.
    package func checkReport(_ path: String) throws(AgentError) -> CheckedReport {
        guard let bytes = try Files.read(absolutePath(path), maximum: 64 << 20) else {
            throw .needsPerson("The file \(path.sanitized) is not there.")
        }
        let message: SignedMessage
        do { message = try SignedMessage(inner: bytes) } catch { throw .failed("\(path.sanitized) is no signed report.") }
        guard case .jwk(let key) = message.signer, message.url == Self.reportURL, message.isSigned(by: key) else {
            throw .failed("\(path.sanitized) was changed after it was signed.")
        }
        guard let report = try? JSONDecoder.acme.decode(SwitchReport.self, from: Data(message.payload)) else {
            throw .failed("\(path.sanitized) cannot be read: it is of a newer version.")
        }
        let own = try store.existingReportKey()?.jwk.thumbprint
        return CheckedReport(report: report, thumbprint: key.thumbprint, isOurs: own == key.thumbprint)
    }
}

extension StoreFolder {
    func report(_ id: String) -> String { "\(path)/reports/switch-\(id).json" }

    func existingReportKey() throws(AgentError) -> SigningKey? {
        let file = "\(path)/reports/key.pem"
        guard let bytes = try Files.read(file) else { return nil }
        do { return try SigningKey(pem: String(decoding: bytes, as: UTF8.self)) } catch {
            throw .failed("\(file) is no key: \(error.reason). Move it away, and another one is made.")
        }
    }

    /// The key that signs reports; made when it is first needed.
    func reportKey() throws(AgentError) -> SigningKey {
        if let known = try existingReportKey() { return known }
        let key = SigningKey(.p256)
        try Files.makeFolder("\(path)/reports")
        try Files.replace("\(path)/reports/key.pem", with: key.pem.utf8, mode: 0o600)
        try Files.replace("\(path)/reports/key.jwk", with: (key.jwk.canonical + "\n").utf8, mode: 0o644)
        return key
    }
}
