/// What a web server said, as far as http-01 cares.
struct WebAnswer: Sendable, Equatable {
    var status: Int
    var location: String?
    /// Content-Encoding, when there is one.
    var encoding: String?
    /// Empty unless the status is 2xx; never more than `ResponseReader.bodyLimit`.
    var body: [UInt8] = []
    /// More of the body followed than was read.
    var isCut = false
}

/// Reads one HTTP/1.x response (RFC 9112) from a server that may mean harm: no I/O, bounded in every direction, done as early as
/// possible. Nothing else is ever read from the connection, so that message framing need not be safe for a second response.
struct ResponseReader {
    static let headLimit = 16 * 1024
    static let bodyLimit = 512
    /// Bytes of chunk sizes, extensions and data together.
    static let framedLimit = 8 * 1024

    /// Completes `the answer …`; holds nothing of it.
    struct Malformed: Error, Equatable { let reason: String }

    private enum Framing {
        case length(Int)
        case untilClose
        case chunkSize(Int, digits: Int)
        case chunkExtension(Int)
        case chunkData(Int)
        case chunkEnd
    }
    private var head: [UInt8] = []
    private var lineStart = 0
    private var headBytes = 0
    private var framedBytes = 0
    private var answer: WebAnswer?
    private var framing = Framing.untilClose

    /// - Returns: the answer as soon as it is whole or cut, else nil: more is wanted.
    mutating func take(_ bytes: some Sequence<UInt8>) throws(Malformed) -> WebAnswer? {
        for byte in bytes {
            if let done = try answer == nil ? takeHead(byte) : takeBody(byte) { return done }
        }
        return nil
    }

    /// The server has closed.
    mutating func end() throws(Malformed) -> WebAnswer {
        guard let answer, case .untilClose = framing else {
            throw Malformed(reason: headBytes == 0 ? "is missing: the connection was closed without one" : "ended early")
        }
        return answer
    }

    private mutating func takeHead(_ byte: UInt8) throws(Malformed) -> WebAnswer? {
        headBytes += 1
        guard headBytes <= Self.headLimit else { throw Malformed(reason: "has more than \(Self.headLimit) bytes of header") }
        head.append(byte)
        // A greeting of another protocol need not be waited for.
        let opening: StaticString = "HTTP/1."
        if head.count <= opening.utf8CodeUnitCount, byte != opening.utf8Start[head.count - 1] {
            throw Malformed(reason: "is not HTTP/1.1")
        }
        guard byte == UInt8(ascii: "\n") else { return nil }
        let line = head[lineStart...].dropLast()
        lineStart = head.count
        guard line.isEmpty || line.elementsEqual([UInt8(ascii: "\r")]) else { return nil }
        let (answer, framing) = try Self.parse(head)
        (head, lineStart) = ([], 0)
        if answer.status < 200 {
            guard answer.status != 101 else { throw Malformed(reason: "changes the protocol (101)") }
            return nil
        }
        (self.answer, self.framing) = (answer, framing)
        guard (200..<300).contains(answer.status), answer.status != 204 else { return answer }
        if case .length(0) = framing { return answer }
        return nil
    }

    private mutating func takeBody(_ byte: UInt8) throws(Malformed) -> WebAnswer? {
        framedBytes += 1
        guard framedBytes <= Self.framedLimit else { throw Malformed(reason: "has too little body for its framing") }
        switch framing {
        case .untilClose: return keep(byte)
        case .length(let left):
            framing = .length(left - 1)
            return keep(byte) ?? (left == 1 ? answer : nil)
        case .chunkSize(let size, let digits):
            if let digit = Character(UnicodeScalar(byte)).hexDigitValue {
                guard digits < 7 else { throw Malformed(reason: "has a chunk size that is none") }
                framing = .chunkSize(size * 16 + digit, digits: digits + 1)
                return nil
            }
            guard digits > 0, [0x0d, 0x0a, 0x20, 0x09, UInt8(ascii: ";")].contains(byte) else {
                throw Malformed(reason: "has a chunk size that is none")
            }
            framing = .chunkExtension(size)
            return byte == 0x0a ? startChunk(size) : nil
        case .chunkExtension(let size): return byte == 0x0a ? startChunk(size) : nil
        case .chunkData(let left):
            framing = left == 1 ? .chunkEnd : .chunkData(left - 1)
            return keep(byte)
        case .chunkEnd:
            guard byte == 0x0d || byte == 0x0a else { throw Malformed(reason: "has a chunk without an end") }
            if byte == 0x0a { framing = .chunkSize(0, digits: 0) }
            return nil
        }
    }

    private mutating func startChunk(_ size: Int) -> WebAnswer? {
        framing = .chunkData(size)
        return size == 0 ? answer : nil
    }

    private mutating func keep(_ byte: UInt8) -> WebAnswer? {
        guard let kept = answer?.body.count, kept < Self.bodyLimit else {
            answer?.isCut = true
            return answer
        }
        answer?.body.append(byte)
        return nil
    }

    /// - Parameter head: status line and fields with their line ends, and the empty line.
    private static func parse(_ head: [UInt8]) throws(Malformed) -> (WebAnswer, Framing) {
        var lines = head.split(separator: 0x0a, omittingEmptySubsequences: true).map { $0.last == 0x0d ? $0.dropLast() : $0 }[...]
        // `HTTP/1.1 200 OK`, of which the reason may be missing.
        let first = Array(lines.popFirst() ?? [])
        guard first.count >= 12, first[8] == 0x20, first.count == 12 || first[12] == 0x20,
            let status = Int(String(decoding: first[9..<12], as: UTF8.self)), (100...599).contains(status)
        else { throw Malformed(reason: "has no readable status") }
        var answer = WebAnswer(status: status)
        var length: Int?
        var isChunked = false
        for line in lines where !line.isEmpty {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                throw Malformed(reason: "has a header line without a colon")
            }
            let value = String(decoding: line[(colon + 1)...].trimming, as: UTF8.self)
            switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
            case "location":
                guard answer.location == nil || answer.location == value else { throw Malformed(reason: "has two locations") }
                answer.location = value
            case "content-length":
                guard !value.isEmpty, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bytes = Int(value),
                    length == nil || length == bytes
                else { throw Malformed(reason: "has no readable Content-Length") }
                length = bytes
            case "transfer-encoding":
                guard value.lowercased() == "chunked" else {
                    throw Malformed(reason: "has a Transfer-Encoding other than chunked")
                }
                isChunked = true
            case "content-encoding": answer.encoding = value
            default: break
            }
        }
        return (answer, isChunked ? .chunkSize(0, digits: 0) : length.map(Framing.length) ?? .untilClose)
    }
}

extension BidirectionalCollection<UInt8> {
    /// Without spaces and tabs at both ends.
    var trimming: SubSequence {
        let start = drop { $0 == 0x20 || $0 == 0x09 }
        guard let last = start.lastIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { return start.prefix(0) }
        return start[...last]
    }
}
