internal import ACME
internal import Foundation
internal import NIOCore

/// Writes the protocol's objects as JSON, member by member: a fraction of what a general encoder costs, and an answer is most of what a
/// request costs beyond its signature. Members without a value are left out, never `null`.
struct JSONWriter {
    private var buffer = ByteBuffer()
    private var first = true

    static func object(_ members: (inout JSONWriter) -> Void) -> ByteBuffer {
        var writer = JSONWriter()
        writer.buffer.reserveCapacity(512)
        writer.braces(members)
        return writer.buffer
    }

    mutating func member(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        string(value)
    }
    mutating func member(_ name: StaticString, _ value: Date?) { member(name, value.map { RFC3339.string($0) }) }
    mutating func member(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        key(name)
        buffer.writeString(value ? "true" : "false")
    }
    mutating func member(_ name: StaticString, _ value: Int?) {
        guard let value else { return }
        key(name)
        buffer.writeString(String(value))
    }
    mutating func member(_ name: StaticString, _ values: [String]?) { member(name, values) { $0.string($1) } }
    mutating func member(_ name: StaticString, object members: (inout JSONWriter) -> Void) {
        key(name)
        braces(members)
    }
    mutating func member<Each>(_ name: StaticString, _ values: [Each]?, _ write: (inout JSONWriter, Each) -> Void) {
        guard let values else { return }
        key(name)
        buffer.writeInteger(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
            write(&self, value)
        }
        buffer.writeInteger(UInt8(ascii: "]"))
    }

    mutating func braces(_ members: (inout JSONWriter) -> Void) {
        let outer = first
        first = true
        buffer.writeInteger(UInt8(ascii: "{"))
        members(&self)
        buffer.writeInteger(UInt8(ascii: "}"))
        first = outer
    }

    private mutating func key(_ name: StaticString) {
        if !first { buffer.writeInteger(UInt8(ascii: ",")) }
        first = false
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeStaticString(name)
        buffer.writeStaticString("\":")
    }

    mutating func string(_ text: String) {
        buffer.writeInteger(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }) {
            buffer.writeString(text)
        } else {
            for byte in text.utf8 {
                switch byte {
                case 0x22: buffer.writeStaticString("\\\"")
                case 0x5C: buffer.writeStaticString("\\\\")
                case 0x0A: buffer.writeStaticString("\\n")
                case 0x0D: buffer.writeStaticString("\\r")
                case 0x09: buffer.writeStaticString("\\t")
                case 0..<0x20:
                    buffer.writeStaticString("\\u00")
                    for nibble in [byte >> 4, byte & 15] { buffer.writeInteger(nibble < 10 ? 0x30 + nibble : 0x57 + nibble) }
                default: buffer.writeInteger(byte)
                }
            }
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }
}

extension JSONWriter {
    mutating func members(_ account: Account) {
        member("status", account.status.rawValue)
        member("contact", account.contact)
        member("termsOfServiceAgreed", account.termsOfServiceAgreed)
        member("orders", account.orders)
    }
    mutating func members(_ identifier: Identifier) {
        member("type", identifier.type)
        member("value", identifier.value)
    }
    mutating func members(_ order: Order) {
        member("status", order.status.rawValue)
        member("expires", order.expires)
        member("identifiers", order.identifiers) { $0.object($1) }
        member("notBefore", order.notBefore)
        member("notAfter", order.notAfter)
        if let error = order.error { member("error") { $0.members(error) } }
        member("authorizations", order.authorizations)
        member("finalize", order.finalize)
        member("certificate", order.certificate)
        member("replaces", order.replaces)
    }
    mutating func members(_ authorization: Authorization) {
        member("identifier") { $0.members(authorization.identifier) }
        member("status", authorization.status.rawValue)
        member("expires", authorization.expires)
        member("challenges", authorization.challenges) { writer, challenge in writer.braces { $0.members(challenge) } }
        member("wildcard", authorization.wildcard)
    }
    mutating func members(_ challenge: Challenge) {
        member("type", challenge.type)
        member("url", challenge.url)
        member("status", challenge.status.rawValue)
        member("token", challenge.token)
        member("validated", challenge.validated)
        if let error = challenge.error { member("error") { $0.members(error) } }
    }
    mutating func members(_ info: RenewalInfo) {
        member("suggestedWindow") { writer in
            writer.member("start", info.suggestedWindow.start)
            writer.member("end", info.suggestedWindow.end)
        }
        member("explanationURL", info.explanationURL)
    }
    mutating func members(_ problem: Problem) {
        member("type", problem.type)
        member("title", problem.title)
        member("detail", problem.detail)
        member("status", problem.status)
        member("instance", problem.instance)
        if let identifier = problem.identifier { member("identifier") { $0.members(identifier) } }
        member("algorithms", problem.algorithms)
        member("subproblems", problem.subproblems) { writer, each in writer.braces { $0.members(each) } }
    }
    mutating func members(_ directory: Directory) {
        member("newNonce", directory.newNonce)
        member("newAccount", directory.newAccount)
        member("newOrder", directory.newOrder)
        member("newAuthz", directory.newAuthz)
        member("revokeCert", directory.revokeCert)
        member("keyChange", directory.keyChange)
        member("renewalInfo", directory.renewalInfo)
        guard let meta = directory.meta else { return }
        member("meta") { writer in
            writer.member("termsOfService", meta.termsOfService)
            writer.member("website", meta.website)
            writer.member("caaIdentities", meta.caaIdentities)
            writer.member("externalAccountRequired", meta.externalAccountRequired)
        }
    }
    private mutating func object(_ identifier: Identifier) { braces { $0.members(identifier) } }
}
