internal import ACME
internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import PKIX

/// A CSR against the order that it is to finish: exactly the order's names, in SAN, CN or both (RFC 8555 section 7.4).
enum RequestCheck {
    /// - Throws: `badCSR` with the reason.
    static func read(_ der: [UInt8], names: [String]) throws(Refusal) -> CertificateRequest {
        let request: CertificateRequest
        do { request = try CertificateRequest(der: der) } catch { throw .badCSR("The CSR is refused: \(error.reason).") }
        guard !request.asksForCA else { throw .badCSR("The CSR asks for a CA certificate.") }
        if let other = request.otherNames.first { throw .badCSR("The CSR names something that is no DNS name: \(other).") }
        var wanted: Set<String> = []
        for written in request.dnsNames + request.commonNames {
            do { wanted.insert(try DomainName(written).text) } catch {
                throw .badCSR("The CSR holds a name that cannot be certified: \(error.reason).")
            }
        }
        let ordered = Set(names)
        if let foreign = wanted.subtracting(ordered).min() {
            throw .badCSR("The CSR names \(foreign), which the order does not.")
        }
        if let missing = ordered.subtracting(wanted).min() { throw .badCSR("The CSR lacks \(missing), which the order names.") }
        return request
    }
}

extension JWK {
    /// The account key that these bytes would be; nil for one that no account can have.
    init?(_ info: PublicKeyInfo) {
        var members: [String: JSON]
        switch info.algorithm {
        case .p256: members = Self.point(info.der.suffix(64), "P-256")
        case .p384: members = Self.point(info.der.suffix(96), "P-384")
        case .p521: members = Self.point(info.der.suffix(132), "P-521")
        case .ed25519:
            members = ["kty": .string("OKP"), "crv": .string("Ed25519"), "x": .string(Base64URL.encode(info.der.suffix(32)))]
        case .rsa:
            guard let key = try? _RSA.Signing.PublicKey(derRepresentation: info.der), let numbers = try? key.getKeyPrimitives()
            else { return nil }
            members = [
                "kty": .string("RSA"), "n": .string(Base64URL.encode(numbers.modulus.drop { $0 == 0 })),
                "e": .string(Base64URL.encode(numbers.publicExponent.drop { $0 == 0 })),
            ]
        }
        guard let key = try? JWK(.object(members)) else { return nil }
        self = key
    }

    private static func point(_ coordinates: ArraySlice<UInt8>, _ curve: String) -> [String: JSON] {
        let half = coordinates.count / 2
        return [
            "kty": .string("EC"), "crv": .string(curve), "x": .string(Base64URL.encode(coordinates.prefix(half))),
            "y": .string(Base64URL.encode(coordinates.suffix(half))),
        ]
    }
}
