package import struct Foundation.Date

/// A revocation list in the making: entries come one after the other, so that a long list never stands in memory as values.
package struct RevocationListDraft: Sendable {
    /// The entries' DER, in the order in which they came.
    private var revoked: [UInt8] = []
    package private(set) var count = 0
    private var reasons: [UInt8: [UInt8]] = [:]

    package init() {}

    package mutating func add(_ entry: RevocationList.Entry) {
        let serial = DER.integer(entry.serial)
        let time = DER.time(entry.revokedAt)
        let reason = entry.reason.flatMap { 1...255 ~= $0 ? UInt8($0) : nil }.map { extensions(for: $0) } ?? []
        revoked.append(0x30)
        DER.appendLength(serial.count + time.count + reason.count, to: &revoked)
        revoked += serial
        revoked += time
        revoked += reason
        count += 1
    }

    private mutating func extensions(for reason: UInt8) -> [UInt8] {
        if let known = reasons[reason] { return known }
        let made = DER.sequence(Extension(.reasonCode, value: DER.element(0x0a, [reason])).der)
        reasons[reason] = made
        return made
    }

    /// The TBSCertList.
    /// - Parameters:
    ///   - number: positive, above that of every list before.
    ///   - thisUpdate, nextUpdate: rounded down to the second.
    package func toBeSigned(issuer: IssuerDescription, number: Int64, thisUpdate: Date, nextUpdate: Date) -> [UInt8] {
        let number = Extension(.crlNumber, value: DER.integer(UInt64(max(number, 0))))
        let extensions = DER.sequence(Extension.authorityKeyIdentifier(issuer.keyIdentifier).der, number.der)
        return DER.sequence(
            DER.integer(1), issuer.scheme.algorithmIdentifier, issuer.name.der, DER.time(thisUpdate), DER.time(nextUpdate),
            revoked.isEmpty ? [] : DER.element(0x30, revoked), DER.constructed(0, extensions))
    }
}

extension RevocationList {
    /// The CertificateList's DER.
    /// - Parameter signature: in X.509 form.
    /// - Throws: `.signature` unless the issuer's key made it over `tbs`.
    package static func assemble(tbs: [UInt8], signature: [UInt8], issuer: IssuerDescription) throws(Unacceptable) -> [UInt8] {
        guard issuer.publicKey.verify(signature: signature, over: tbs, algorithm: issuer.scheme) else {
            throw .signature("the signature does not fit the issuer's certificate")
        }
        return Certificate509.assemble(tbs, signature, issuer.scheme)
    }

    /// Whether these bytes are a to-be-signed part and the issuer's signature over it. Its entries are not read: with 100,000 of them that
    /// would take a second and a hundred megabytes.
    package static func isSigned(_ der: [UInt8], by issuer: IssuerDescription) -> Bool {
        guard let outer = Span(of: 0x30, in: der, at: 0), outer.end == der.count,
            let tbs = Span(of: 0x30, in: der, at: outer.content),
            let algorithm = Span(of: 0x30, in: der, at: tbs.end),
            Array(der[tbs.end..<algorithm.end]) == issuer.scheme.algorithmIdentifier,
            let bits = Span(of: 0x03, in: der, at: algorithm.end), bits.end == der.count, bits.content < bits.end,
            der[bits.content] == 0
        else { return false }
        return issuer.publicKey.verify(
            signature: Array(der[(bits.content + 1)...]), over: Array(der[outer.content..<tbs.end]), algorithm: issuer.scheme)
    }
}

/// Where an element's content begins and ends, by its header alone.
private struct Span {
    let content: Int
    let end: Int

    /// Nil unless an element of that tag, of a definite length below 2^32, lies wholly within the bytes.
    init?(of tag: UInt8, in der: [UInt8], at start: Int) {
        guard start + 1 < der.count, der[start] == tag else { return nil }
        let first = Int(der[start + 1])
        let octets = first < 0x80 ? 0 : first - 0x80
        guard octets <= 4, first != 0x80, start + 2 + octets <= der.count else { return nil }
        let length = octets == 0 ? first : der[(start + 2)..<(start + 2 + octets)].reduce(0) { $0 << 8 | Int($1) }
        content = start + 2 + octets
        end = content + length
        guard end <= der.count else { return nil }
    }
}
