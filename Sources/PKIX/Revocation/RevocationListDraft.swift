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

    /// How many entries a list of this issuer's own making has, judged by the headers: to read 100,000 entries would take a second and a
    /// hundred megabytes.
    /// - Returns: nil unless these bytes are a to-be-signed part and the issuer's signature over it.
    package static func entries(of der: [UInt8], signedBy issuer: IssuerDescription) -> Int? {
        guard let outer = Span(in: der, at: 0, of: 0x30), outer.end == der.count,
            let tbs = Span(in: der, at: outer.content, of: 0x30),
            let algorithm = Span(in: der, at: tbs.end, of: 0x30),
            Array(der[tbs.end..<algorithm.end]) == issuer.scheme.algorithmIdentifier,
            let bits = Span(in: der, at: algorithm.end, of: 0x03), bits.end == der.count, bits.content < bits.end,
            der[bits.content] == 0,
            issuer.publicKey.verify(
                signature: Array(der[(bits.content + 1)...]), over: Array(der[outer.content..<tbs.end]), algorithm: issuer.scheme)
        else { return nil }
        // Behind version, algorithm, name and two times stand the entries, if there are any, and the tagged extensions.
        var place = tbs.content
        for _ in 0..<5 {
            guard let field = Span(in: der, at: place) else { return nil }
            place = field.end
        }
        guard let list = Span(in: der, at: place, of: 0x30) else { return 0 }
        var (count, next) = (0, list.content)
        while next < list.end, let entry = Span(in: der, at: next, of: 0x30) { (count, next) = (count + 1, entry.end) }
        return count
    }
}

/// Where an element's content begins and ends, by its header alone.
private struct Span {
    let content: Int
    let end: Int

    /// Nil unless an element of that tag (nil: any), of a definite length below 2^32, lies wholly within the bytes.
    init?(in der: [UInt8], at start: Int, of tag: UInt8? = nil) {
        guard start + 1 < der.count, tag == nil || der[start] == tag else { return nil }
        let first = Int(der[start + 1])
        let octets = first < 0x80 ? 0 : first - 0x80
        guard octets <= 4, first != 0x80, start + 2 + octets <= der.count else { return nil }
        let length = octets == 0 ? first : der[(start + 2)..<(start + 2 + octets)].reduce(0) { $0 << 8 | Int($1) }
        content = start + 2 + octets
        end = content + length
        guard end <= der.count else { return nil }
    }
}
