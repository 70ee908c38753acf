internal import Foundation
internal import NIOCore
internal import NIOHTTP1

extension Answer {
    /// A body up to this many bytes goes out in one piece with its head: one write, one TLS record.
    private static let together = 15 * 1024

    /// How the connection stands after an answer.
    enum Connection { case keep, keepOld, close }

    /// The answer as HTTP/1.1 has it (RFC 9112 section 4), with date, length and framing.
    /// - Parameter toHead: the body is announced and left out.
    /// - Returns: the head, with a short body behind it; a longer body apart.
    func bytes(date: String, toHead: Bool, _ connection: Connection) -> (first: ByteBuffer, rest: ByteBuffer?) {
        let length = body?.readableBytes ?? 0
        let hasBody = !toHead && length > 0 && status.mayHaveResponseBody
        let isTogether = hasBody && length <= Self.together
        var size = 192 + status.reasonPhrase.utf8.count + standing.count + (isTogether ? length : 0)
        for (name, value) in headers { size += name.utf8.count + value.utf8.count + 4 }
        var first = ByteBuffer()
        first.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { raw in
            var writer = HeadWriter(raw)
            writer.put("HTTP/1.1 ")
            writer.put(String(status.code))
            writer.put(" ")
            writer.put(status.reasonPhrase)
            writer.put("\r\nDate: ")
            writer.put(date)
            if status.mayHaveResponseBody, status != .notModified {
                writer.put("\r\nContent-Length: ")
                writer.put(String(length))
            }
            for (name, value) in headers {
                writer.put("\r\n")
                writer.put(name)
                writer.put(": ")
                writer.putValue(value)
            }
            switch connection {
            case .keep: writer.put("\r\n")
            case .keepOld: writer.put("\r\nConnection: keep-alive\r\n")
            case .close: writer.put("\r\nConnection: close\r\n")
            }
            standing.withUnsafeBytes { writer.put($0) }
            writer.put("\r\n")
            if isTogether { body?.withUnsafeReadableBytes { writer.put($0) } }
            return writer.count
        }
        return (first, hasBody && !isTogether ? body : nil)
    }
}

/// Text into memory that is known to be large enough; whatever does not fit is left out.
private struct HeadWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress, let to = memory.baseAddress, bytes.count <= memory.count - count else { return }
        memcpy(to + count, from, bytes.count)
        count += bytes.count
    }

    mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    /// RFC 9110 section 5.5: a control character would end the field, so it becomes a space, wherever the value came from.
    mutating func putValue(_ text: String) {
        let start = count
        put(text)
        for place in start..<count where (memory[place] < 0x20 && memory[place] != 0x09) || memory[place] == 0x7F {
            memory[place] = 0x20
        }
    }
}
