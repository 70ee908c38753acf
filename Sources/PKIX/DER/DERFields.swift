internal import SwiftASN1

/// The members of one constructed DER element, read in order: the only way this room reads foreign bytes.
/// Every step that does not find what it names throws `.malformed` and says where; nothing traps.
struct DERFields: ~Copyable {
    private var rest: ASN1NodeCollection.Iterator
    private var ahead: ASN1Node?
    private let what: String

    init(_ node: ASN1Node, _ identifier: ASN1Identifier = .sequence, of what: String) throws(Unacceptable) {
        guard node.identifier == identifier, case .constructed(let children) = node.content else {
            throw .malformed("\(what) has the wrong type")
        }
        self.what = what
        rest = children.makeIterator()
        ahead = rest.next()
    }

    /// The next member, of any type; nil at the end.
    mutating func any() -> ASN1Node? {
        defer { ahead = rest.next() }
        return ahead
    }
    mutating func optional(_ identifier: ASN1Identifier) -> ASN1Node? {
        ahead?.identifier == identifier ? any() : nil
    }
    mutating func next(_ identifier: ASN1Identifier, _ member: String) throws(Unacceptable) -> ASN1Node {
        guard let node = optional(identifier) else { throw .malformed("\(what) lacks \(member)") }
        return node
    }
    mutating func anyNext(_ member: String) throws(Unacceptable) -> ASN1Node {
        guard let node = any() else { throw .malformed("\(what) lacks \(member)") }
        return node
    }
    /// The content octets of the next member, which is primitive.
    mutating func bytes(_ identifier: ASN1Identifier, _ member: String) throws(Unacceptable) -> [UInt8] {
        try next(identifier, member).primitive(member)
    }
    mutating func oid(_ member: String) throws(Unacceptable) -> OID {
        try next(.objectIdentifier, member).oid(member)
    }
    mutating func end() throws(Unacceptable) {
        guard ahead == nil else { throw .malformed("\(what) has a member too many") }
    }
}

extension ASN1Identifier {
    static func context(_ number: UInt) -> ASN1Identifier {
        ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific)
    }
}

extension ASN1Node {
    /// One element that fills `der` wholly.
    static func parse(_ der: [UInt8], maximum: Int, _ what: String) throws(Unacceptable) -> ASN1Node {
        guard der.count <= maximum else { throw .malformed("\(what) is longer than \(maximum) bytes") }
        do { return try SwiftASN1.DER.parse(der) } catch { throw .malformed("\(what) is not DER") }
    }

    var encoded: [UInt8] { Array(encodedBytes) }

    func primitive(_ what: String) throws(Unacceptable) -> [UInt8] {
        guard case .primitive(let bytes) = content else { throw .malformed("\(what) has the wrong form") }
        return Array(bytes)
    }
    /// The content octets of an OBJECT IDENTIFIER: at most 64, arcs minimally encoded, the last one ended.
    func oid(_ what: String) throws(Unacceptable) -> OID {
        let bytes = try primitive(what)
        guard identifier == .objectIdentifier, (1...64).contains(bytes.count), bytes.last.map({ $0 & 0x80 == 0 }) == true else {
            throw .malformed("\(what) is no object identifier")
        }
        var begins = true
        for byte in bytes {
            if begins, byte == 0x80 { throw .malformed("\(what) is no object identifier") }
            begins = byte & 0x80 == 0
        }
        return OID(content: bytes)
    }
    /// The content octets of an INTEGER in minimal form, sign octet kept.
    func integer(_ what: String) throws(Unacceptable) -> [UInt8] {
        let bytes = try primitive(what)
        guard identifier == .integer, let first = bytes.first else { throw .malformed("\(what) is no integer") }
        if bytes.count > 1, (first == 0 && bytes[1] & 0x80 == 0) || (first == 0xff && bytes[1] & 0x80 != 0) {
            throw .malformed("\(what) is not minimally encoded")
        }
        return bytes
    }
    /// A non-negative INTEGER below 2^63.
    func count(_ what: String) throws(Unacceptable) -> Int {
        let bytes = try integer(what)
        guard bytes.count <= 8, bytes[0] & 0x80 == 0 else { throw .malformed("\(what) is out of range") }
        return bytes.reduce(0) { $0 << 8 | Int($1) }
    }
    func boolean(_ what: String) throws(Unacceptable) -> Bool {
        switch try primitive(what) {
        case [0xff]: true
        case [0x00]: false
        default: throw .malformed("\(what) is no boolean")
        }
    }
    /// The octets of a BIT STRING that holds whole octets.
    func octetsOfBitString(_ what: String) throws(Unacceptable) -> [UInt8] {
        let bytes = try primitive(what)
        guard identifier == .bitString, bytes.first == 0 else { throw .malformed("\(what) is no string of whole octets") }
        return Array(bytes.dropFirst())
    }
}
