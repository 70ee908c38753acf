/// What is said in the clear before TLS begins.
enum Greeting: String, Sendable, Codable, CaseIterable {
    case none, smtp, imap, pop3, ldap, postgresql, mysql, xmpp

    /// One step: what is sent, if anything, and how its answer must be.
    struct Step: Sendable {
        enum Reply: Sendable {
            /// Lines of text, of which the last one counts (`250-` goes on, `250 ` ends) and begins so.
            case line(String)
            /// Begins so.
            case bytes([UInt8])
            /// Holds the first, and not the second before.
            case text(String, not: String)
            /// A packet of MySQL's protocol whose content begins so: three bytes of length, one of sequence.
            case packet(UInt8)
        }
        let send: [UInt8]
        let reply: Reply

        init(_ send: String, _ reply: Reply) { (self.send, self.reply) = (Array(send.utf8), reply) }
        init(bytes send: [UInt8], _ reply: Reply) { (self.send, self.reply) = (send, reply) }
    }

    /// - Parameter name: of whom the certificate is wanted, where the protocol asks before TLS does.
    func steps(for name: String) -> [Step] {
        switch self {
        case .none: []
        // RFC 3207
        case .smtp: [Step("", .line("220")), Step("EHLO localhost\r\n", .line("250")), Step("STARTTLS\r\n", .line("220"))]
        // RFC 9051 section 6.2.1
        case .imap: [Step("", .line("* OK")), Step("a1 STARTTLS\r\n", .line("a1 OK"))]
        // RFC 2595 section 4
        case .pop3: [Step("", .line("+OK")), Step("STLS\r\n", .line("+OK"))]
        // RFC 4511 section 4.14: the extended request 1.3.6.1.4.1.1466.20037; a message whose result is success.
        case .ldap:
            [
                Step(
                    bytes: [0x30, 0x1D, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16] + Array("1.3.6.1.4.1.1466.20037".utf8),
                    .bytes([0x30]))
            ]
        // SSLRequest of PostgreSQL's protocol.
        case .postgresql: [Step(bytes: [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F], .bytes([UInt8(ascii: "S")]))]
        // Handshake of version 10, then SSLRequest: 32 bytes, the second packet, with CLIENT_PROTOCOL_41, CLIENT_SSL and SECURE_CONNECTION, 16 MiB at
        // most, utf8. TLS follows without an answer.
        case .mysql:
            [
                Step("", .packet(0x0A)),
                Step(
                    bytes: [32, 0, 0, 1, 0x00, 0x8A, 0, 0, 0, 0, 0, 1, 33] + [UInt8](repeating: 0, count: 23), .bytes([])),
            ]
        // RFC 6120 section 5.4.2
        case .xmpp:
            [
                Step(
                    "<?xml version='1.0'?><stream:stream to='\(name)' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
                    .text("</stream:features>", not: "<stream:error")),
                Step("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", .text("<proceed", not: "<failure")),
            ]
        }
    }

    /// Whether an answer is complete, and right.
    /// - Returns: nil while more is needed.
    static func verdict(on received: [UInt8], for step: Step) -> Bool? {
        switch step.reply {
        case .bytes(let expected): received.count < expected.count ? nil : received.starts(with: expected)
        case .line(let expected): lastLine(of: received, is: Array(expected.utf8))
        case .text(let expected, let failure):
            if String(decoding: received, as: UTF8.self).contains(failure) {
                false
            } else {
                String(decoding: received, as: UTF8.self).contains(expected) ? true : nil
            }
        case .packet(let first):
            if received.count < 5 {
                nil
            } else if received[4] != first {
                false
            } else {
                received.count < 4 + Int(received[0]) + Int(received[1]) << 8 + Int(received[2]) << 16 ? nil : true
            }
        }
    }

    private static func lastLine(of received: [UInt8], is expected: [UInt8]) -> Bool? {
        guard received.last == 0x0A, let last = received.split(separator: 0x0A).last else { return nil }
        // Replies of several lines have a hyphen after their code (RFC 5321 section 4.2.1); IMAP may send untagged lines before.
        if expected.count == 3, last.count > 3, last[last.startIndex + 3] == UInt8(ascii: "-") { return nil }
        if last.starts(with: expected) { return true }
        let goesOn = expected.starts(with: "a1".utf8) && last.first == UInt8(ascii: "*")
        return goesOn ? nil : false
    }
}
