/// What is said in the clear before TLS begins.
enum Greeting: String, Sendable, Codable, CaseIterable {
    case none, smtp, imap, pop3, ldap, postgresql

    /// One step: what is sent, if anything, and how its answer must begin.
    struct Step: Sendable {
        let send: [UInt8]
        let expect: [UInt8]
        /// Whether the answer is lines of text, of which the last one counts (`250-` goes on, `250 ` ends).
        let isText: Bool

        init(_ send: String, expect: String) {
            (self.send, self.expect, isText) = (Array(send.utf8), Array(expect.utf8), true)
        }
        init(bytes send: [UInt8], expect: [UInt8]) { (self.send, self.expect, isText) = (send, expect, false) }
    }

    var steps: [Step] {
        switch self {
        case .none: []
        // RFC 3207
        case .smtp: [Step("", expect: "220"), Step("EHLO localhost\r\n", expect: "250"), Step("STARTTLS\r\n", expect: "220")]
        // RFC 9051 section 6.2.1
        case .imap: [Step("", expect: "* OK"), Step("a1 STARTTLS\r\n", expect: "a1 OK")]
        // RFC 2595 section 4
        case .pop3: [Step("", expect: "+OK"), Step("STLS\r\n", expect: "+OK")]
        // RFC 4511 section 4.14: the extended request 1.3.6.1.4.1.1466.20037; a message whose result is success.
        case .ldap:
            [
                Step(
                    bytes: [0x30, 0x1D, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16] + Array("1.3.6.1.4.1.1466.20037".utf8),
                    expect: [0x30])
            ]
        // SSLRequest of PostgreSQL's protocol.
        case .postgresql: [Step(bytes: [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F], expect: [UInt8(ascii: "S")])]
        }
    }

    /// Whether an answer is complete, and right.
    /// - Returns: nil while more is needed.
    static func verdict(on received: [UInt8], for step: Step) -> Bool? {
        guard step.isText else {
            guard received.count >= step.expect.count else { return nil }
            return received.starts(with: step.expect)
        }
        guard received.last == 0x0A else { return nil }
        let lines = received.split(separator: 0x0A)
        guard let last = lines.last else { return nil }
        // Replies of several lines have a hyphen after their code (RFC 5321 section 4.2.1); IMAP may send untagged lines before.
        if step.expect.count == 3, last.count > 3, last[last.startIndex + 3] == UInt8(ascii: "-") { return nil }
        if last.starts(with: step.expect) { return true }
        let goesOn = step.expect.starts(with: "a1".utf8) && last.first == UInt8(ascii: "*")
        return goesOn ? nil : false
    }
}
