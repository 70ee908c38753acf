internal import DNS
internal import NIOCore

/// The header of the PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy, sections 2.1 and 2.2).
enum ProxyHeader: Equatable {
    /// On whose behalf the connection was made.
    case client(IPAddress)
    /// By the proxy for itself (a health check), or over something that has no IP address.
    case proxyItself

    enum Reading: Equatable {
        case header(ProxyHeader)
        case incomplete
        /// Not a header, or one that no proxy would write.
        case wrong
    }

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// The longest header of version 2 that is read, extensions included; proxies write well below that.
    private static let longest = 4096

    /// - Parameter buffer: what has arrived; a whole header is taken from it.
    static func read(_ buffer: inout ByteBuffer) -> Reading {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return .incomplete }
        return first == 0x0D ? version2(&buffer) : version1(&buffer)
    }

    /// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 CR LF`, at most 107 bytes.
    private static func version1(_ buffer: inout ByteBuffer) -> Reading {
        let line = buffer.readableBytesView.prefix(107)
        guard zip(line, "PROXY ".utf8).allSatisfy({ $0 == $1 }) else { return .wrong }
        guard let feed = line.firstIndex(of: 0x0A) else { return line.count < 107 ? .incomplete : .wrong }
        let length = feed - buffer.readerIndex + 1
        guard let text = buffer.readString(length: length), text.utf8.allSatisfy({ $0 < 0x7F }), text.hasSuffix("\r\n") else {
            return .wrong
        }
        let words = text.dropLast(1).split(separator: " ", omittingEmptySubsequences: false)
        // What follows UNKNOWN is to be ignored.
        if words.count >= 2, words[1] == "UNKNOWN" { return .header(.proxyItself) }
        guard words.count == 6, let family: IPAddress.Family = words[1] == "TCP4" ? .v4 : words[1] == "TCP6" ? .v6 : nil,
            let source = IPAddress(words[2]), let target = IPAddress(words[3]), source.family == family, target.family == family,
            isPort(words[4]), isPort(words[5])
        else { return .wrong }
        return .header(.client(source.mapped))
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text) else {
            return false
        }
        return port <= 65_535 && (text.utf8.count == 1 || text.first != "0")
    }

    private static func version2(_ buffer: inout ByteBuffer) -> Reading {
        let view = buffer.readableBytesView
        guard zip(view, signature).allSatisfy({ $0 == $1 }) else { return .wrong }
        guard view.count >= 16 else { return .incomplete }
        let start = buffer.readerIndex
        guard let command = buffer.getInteger(at: start + 12, as: UInt8.self),
            let family = buffer.getInteger(at: start + 13, as: UInt8.self),
            let length = buffer.getInteger(at: start + 14, as: UInt16.self), command >> 4 == 2, command & 15 <= 1,
            length <= longest
        else { return .wrong }
        guard view.count >= 16 + Int(length) else { return .incomplete }
        buffer.moveReaderIndex(forwardBy: 16)
        guard var rest = buffer.readSlice(length: Int(length)) else { return .wrong }
        // LOCAL: whatever addresses follow mean nothing.
        guard command & 15 == 1 else { return .header(.proxyItself) }
        switch family {
        case 0x11:
            guard length >= 12, let source = rest.readBytes(length: 4), let address = IPAddress(bytes: source) else {
                return .wrong
            }
            return .header(.client(address))
        case 0x21:
            guard length >= 36, let source = rest.readBytes(length: 16), let address = IPAddress(bytes: source) else {
                return .wrong
            }
            return .header(.client(address.mapped))
        case 0x00: return .header(.proxyItself)
        // Datagrams and Unix sockets do not lead here.
        default: return .wrong
        }
    }
}
