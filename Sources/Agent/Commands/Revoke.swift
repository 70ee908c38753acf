import ACME
import ACMEClient
import Foundation
import PKIX

/// Who asks for a revocation: the account, or whoever holds the certificate's key (RFC 8555 section 7.6).
package enum Revoker: Sendable { case account, certificateKey }

/// Reasons that CAs take from a certificate's holder, by their names in RFC 5280 section 5.3.1.
package enum RevocationReason: String, Sendable, CaseIterable {
    case unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation

    package var code: Int {
        switch self {
        case .unspecified: 0
        case .keyCompromise: 1
        case .affiliationChanged: 3
        case .superseded: 4
        case .cessationOfOperation: 5
        }
    }

    /// From its name in any case, or its number.
    package init?(typed: String) {
        guard let reason = Self.allCases.first(where: { $0.rawValue.lowercased() == typed.lowercased() || "\($0.code)" == typed })
        else {
            return nil
        }
        self = reason
    }
}

extension CertificateAgent {
    /// Revokes the live certificate of a name. The files stay; `renew` passes it over from now on unless it is named.
    /// - Returns: `nothingToDo` if the CA had revoked it before.
    package func revoke(
        _ typed: String, by revoker: Revoker = .account, reason: RevocationReason? = nil
    ) async throws(AgentError) -> ExitCode {
        try await withLock { () async throws(AgentError) in
            var lineage = try existing(typed)
            let der = try leaf(lineage).der
            let key = try SigningKey.read(store.read("privkey.pem", of: lineage.name))
            let (client, _, _) = try await open(lineage.ca)
            let account = revoker == .account ? try await storedAccount(lineage.ca, client: client) : nil
            var code = ExitCode.changed
            do throws(ACMEClientError) {
                if let account {
                    try await account.revoke(der, reason: reason?.code)
                } else {
                    try await client.revoke(der, reason: reason?.code, certificateKey: key)
                }
            } catch {
                guard error.problem?.errorType == .alreadyRevoked else { throw AgentError(error) }
                code = .nothingToDo
            }
            if lineage.revoked == nil {
                lineage.revoked = configuration.now()
                try store.update(lineage)
            }
            tell(.revoked(name: lineage.name, serial: lineage.serial))
            return code
        }
    }

    func leaf(_ lineage: Lineage) throws(AgentError) -> Certificate509 {
        let text = try store.read("cert.pem", of: lineage.name)
        do {
            return try Certificate509(der: try PEM.decode(text).first?.bytes ?? [])
        } catch { throw .failed("\(store.live(lineage.name))/cert.pem cannot be read: \(error)") }
    }
}

extension SigningKey {
    fileprivate static func read(_ pem: String) throws(AgentError) -> SigningKey {
        do { return try SigningKey(pem: pem) } catch { throw .failed("The certificate's key cannot be read: \(error.reason)") }
    }
}
