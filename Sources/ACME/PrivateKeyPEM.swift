import Foundation

/// RFC 7468 as far as a single private key needs it, and RFC 8410's form of Ed25519 keys, which swift-crypto has not.
enum PrivateKeyPEM {
    /// The block's DER. Text around it and an `EC PARAMETERS` block before it (openssl writes one) are passed over.
    static func decode(_ pem: String) throws(Malformed) -> [UInt8] {
        guard pem.utf8.count <= 65_536 else { throw Malformed("the PEM text is longer than 64 KiB") }
        let lines = pem.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        let begins = lines.indices.filter { lines[$0].hasPrefix("-----BEGIN ") && lines[$0].hasSuffix("PRIVATE KEY-----") }
        guard let begin = begins.first else { throw Malformed("the PEM text has no private key") }
        guard begins.count == 1 else { throw Malformed("the PEM text has more than one private key") }
        let label = lines[begin].dropFirst("-----BEGIN ".count).dropLast("-----".count)
        guard let end = lines[begin...].firstIndex(of: "-----END \(label)-----") else {
            throw Malformed("the PEM block does not end")
        }
        let body = lines[(begin + 1)..<end]
        guard label != "ENCRYPTED PRIVATE KEY", !body.contains(where: { $0.contains(":") }) else {
            throw Malformed("the private key is encrypted")
        }
        guard ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"].contains(label) else {
            throw Malformed("the PEM block holds no private key of a kind that is known here")
        }
        guard let der = Data(base64Encoded: body.joined()), !der.isEmpty else { throw Malformed("the PEM block is not base64") }
        return Array(der)
    }

    /// PKCS#8.
    static func encode(_ der: [UInt8]) -> String {
        let body = Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
        return "-----BEGIN PRIVATE KEY-----\n\(body)\n-----END PRIVATE KEY-----\n"
    }

    /// What stands before the 32 octets of the seed: version 0, 1.3.101.112, and the two OCTET STRINGs around it.
    static let ed25519Prefix: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]
    /// The same with version 1, whose public key follows the seed (RFC 8410 section 7).
    private static let ed25519PrefixWithPublicKey: [UInt8] = [
        0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    static func ed25519Seed(_ der: [UInt8]) -> [UInt8]? {
        if der.count == 48, der.starts(with: ed25519Prefix) { return Array(der.suffix(32)) }
        if der.count == 83, der.starts(with: ed25519PrefixWithPublicKey) { return Array(der[16..<48]) }
        return nil
    }
}
