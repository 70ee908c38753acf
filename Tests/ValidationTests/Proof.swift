import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// A certificate for tls-alpn-01, right in everything that a test does not spoil. DER is put together here, so that it can be spoiled.
struct Proof {
    var names: [GeneralName]? = [.dnsName("a.test")]
    var identifier: ASN1ObjectIdentifier = [1, 3, 6, 1, 5, 5, 7, 1, 31]
    var critical = true
    /// The extension's value; nil leaves the extension out.
    var value: [UInt8]? = [0x04, 0x20] + Proof.digest
    /// The same extension once more.
    var isDoubled = false
    /// Signed with a key that is not the certificate's.
    var isForged = false
    /// nil leaves the extension out.
    var usage: KeyUsage?
    var key = Certificate.PrivateKey(P256.Signing.PrivateKey())

    /// specs.md section 4.7.
    static let digest: [UInt8] = Array(SHA256.hash(data: Data(Setting.proof.utf8)))

    func certificate() throws -> [UInt8] {
        var extensions = Certificate.Extensions()
        if let names { try extensions.append(Certificate.Extension(SubjectAlternativeNames(names), critical: false)) }
        if let usage { try extensions.append(Certificate.Extension(usage, critical: true)) }
        if let value { try extensions.append(Certificate.Extension(oid: identifier, critical: critical, value: value[...])) }
        // The stand-in for the doubled extension differs in one byte, which is put right before signing.
        if isDoubled, let value {
            try extensions.append(
                Certificate.Extension(oid: [1, 3, 6, 1, 5, 5, 7, 1, 99], critical: critical, value: value[...]))
        }
        let name = try DistinguishedName { CommonName("ACME proof") }
        let signer = isForged ? Certificate.PrivateKey(P256.Signing.PrivateKey()) : key
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: Date(timeIntervalSince1970: 1_700_000_000),
            notValidAfter: Date(timeIntervalSince1970: 4_000_000_000), issuer: name, subject: name, extensions: extensions,
            issuerPrivateKey: signer)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return isDoubled ? try doubled(serializer.serializedBytes) : serializer.serializedBytes
    }

    /// 1.3.6.1.5.5.7.1.99 becomes …31, and the certificate is signed anew.
    private func doubled(_ der: [UInt8]) throws -> [UInt8] {
        let placeholder: [UInt8] = [0x2b, 6, 1, 5, 5, 7, 1, 99]
        var der = der
        for index in der.indices where der[index...].starts(with: placeholder) { der[index + 7] = 31 }
        let root = try DER.parse(der)
        let (tbs, algorithm) = try DER.sequence(root, identifier: .sequence) { fields -> (ASN1Node?, ASN1Node?) in
            let parts = (fields.next(), fields.next())
            _ = fields.next()
            return parts
        }
        guard let tbs, let algorithm, let key = try? P256.Signing.PrivateKey(pemRepresentation: key.serializeAsPEM().pemString)
        else {
            throw CancellationError()
        }
        let signature = try key.signature(for: tbs.encodedBytes).derRepresentation
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { inner in
            inner.serializeRawBytes(tbs.encodedBytes)
            inner.serializeRawBytes(algorithm.encodedBytes)
            try inner.serialize(ASN1BitString(bytes: ArraySlice(signature)))
        }
        return serializer.serializedBytes
    }

    func serverContext(alpn: [String], minimum: TLSVersion = .tlsv12, maximum: TLSVersion? = nil) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: certificate(), format: .der))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.serializeAsPEM().pemString.utf8), format: .pem)))
        configuration.applicationProtocols = alpn
        configuration.minimumTLSVersion = minimum
        configuration.maximumTLSVersion = maximum
        return try NIOSSLContext(configuration: configuration)
    }
}
