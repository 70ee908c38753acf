import ACME
import Foundation

/// A downloaded chain, the end-entity certificate first (RFC 8555 section 9.1).
public struct CertificateChain: Sendable, Equatable {
    /// DER, 1 to 10 of them.
    public let certificates: [[UInt8]]
    /// Where it came from.
    public let url: String

    /// Certificates in one chain, at most.
    static let longest = 10

    init(_ certificates: [[UInt8]], url: String) { (self.certificates, self.url) = (certificates, url) }

    /// PEM, or one certificate's DER where the CA calls it that (RFC 8555 section 9.1).
    init(_ answer: Answer) throws(ACMEClientError) {
        let type = answer.wire.values("content-type").first?.prefix { $0 != ";" } ?? ""
        if type.lowercased() == "application/pkix-cert", answer.wire.body.first == 0x30 {
            self.init([answer.wire.body], url: answer.url)
        } else {
            try self.init(pem: answer.wire.body, url: answer.url)
        }
    }

    /// Takes `CERTIFICATE` blocks alone: no other label, no text between, none without contents (RFC 8555 section 11.4).
    /// - Throws: `badChain`. Nothing is looked at inside the certificates.
    public init(pem: some Collection<UInt8>, url: String) throws(ACMEClientError) {
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
        guard pem.count <= 1 << 20, pem.allSatisfy({ $0 < 0x80 }) else { throw .badChain("it is not PEM text") }
        var certificates: [[UInt8]] = []
        var (inside, base64) = (false, "")
        for line in String(decoding: pem, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            switch (line, inside) {
            case ("", _): continue
            case (begin, false): (inside, base64) = (true, "")
            case (end, true):
                guard let der = Data(base64Encoded: base64), !der.isEmpty else { throw .badChain("a block is not base64") }
                certificates.append(Array(der))
                guard certificates.count <= Self.longest else {
                    throw .badChain("it has more than \(Self.longest) certificates")
                }
                inside = false
            case (_, true) where !line.hasPrefix("-"): base64 += line
            default: throw .badChain("it holds something else than certificates")
            }
        }
        guard !inside, !certificates.isEmpty else { throw .badChain("it holds no whole certificate") }
        (self.certificates, self.url) = (certificates, url)
    }
}
