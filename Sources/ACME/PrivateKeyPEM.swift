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

    enum Algorithm { case p256, p384, p521, rsa, ed25519(seed: [UInt8]) }

    /// What kind of key the DER says it is. swift-crypto looks at lengths only: it takes a key on secp256k1 for one on P-256.
    static func algorithm(_ der: [UInt8]) -> Algorithm? {
        if der.count == 48, der.starts(with: ed25519Prefix) { return .ed25519(seed: Array(der.suffix(32))) }
        if der.count == 83, der.starts(with: ed25519PrefixWithPublicKey) { return .ed25519(seed: Array(der[16..<48])) }
        var outer = der[...]
        guard let sequence = element(&outer), sequence.tag == 0x30 else { return nil }
        var inner = sequence.content
        guard element(&inner)?.tag == 0x02, let second = element(&inner) else { return nil }
        switch second.tag {
        // PKCS#1: version, modulus, …
        case 0x02: return .rsa
        // SEC 1: version, scalar, [0] curve, …
        case 0x04: return element(&inner).flatMap { $0.tag == 0xA0 ? curve($0.content) : nil }
        // PKCS#8: version, algorithm, …
        case 0x30 where second.content.starts(with: rsaEncryption): return .rsa
        case 0x30 where second.content.starts(with: ecPublicKey): return curve(second.content.dropFirst(ecPublicKey.count))
        default: return nil
        }
    }

    private static let rsaEncryption: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    private static let ecPublicKey: [UInt8] = [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]

    private static func curve(_ name: ArraySlice<UInt8>) -> Algorithm? {
        switch Array(name) {
        case [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]: .p256
        case [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22]: .p384
        case [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23]: .p521
        default: nil
        }
    }

    /// Takes one element off the front: single-octet tags, definite lengths below 64 KiB.
    private static func element(_ der: inout ArraySlice<UInt8>) -> (tag: UInt8, content: ArraySlice<UInt8>)? {
        guard let tag = der.popFirst(), let first = der.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            guard first == 0x81 || first == 0x82, der.count >= Int(first & 3) else { return nil }
            length = der.prefix(Int(first & 3)).reduce(0) { $0 << 8 | Int($1) }
            der = der.dropFirst(Int(first & 3))
        }
        guard der.count >= length else { return nil }
        defer { der = der.dropFirst(length) }
        return (tag, der.prefix(length))
    }
}
