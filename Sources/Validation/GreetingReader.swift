internal import NIOCore

/// Reads the protocol that a TLS 1.2 server chooses off its hello, which passes in the clear (RFC 5246 section 7.4.1.3, RFC 7301
/// section 3.1). Passes everything on.
final class GreetingReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private static let limit = 16 * 1024
    private(set) var negotiated: String?
    private var records = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if negotiated == nil, records.readableBytes < Self.limit {
            records.writeImmutableBuffer(unwrapInboundIn(data))
            negotiated = Self.negotiated(records)
        }
        context.fireChannelRead(data)
    }

    /// - Parameter records: from the first byte of the connection on, perhaps not all yet.
    static func negotiated(_ records: ByteBuffer) -> String? {
        var (records, messages) = (records, ByteBuffer())
        while records.readInteger(as: UInt8.self) == 22, records.readInteger(as: UInt16.self) != nil,
            let fragment = records.readLengthPrefixedSlice(as: UInt16.self)
        {
            messages.writeImmutableBuffer(fragment)
        }
        // Type 2, three bytes of length, version and random, session, cipher suite and compression.
        guard messages.readInteger(as: UInt8.self) == 2, let length = messages.readBytes(length: 3),
            var hello = messages.readSlice(length: length.reduce(0) { $0 << 8 | Int($1) }), hello.readSlice(length: 34) != nil,
            hello.readLengthPrefixedSlice(as: UInt8.self) != nil, hello.readSlice(length: 3) != nil,
            var extensions = hello.readLengthPrefixedSlice(as: UInt16.self)
        else { return nil }
        while let type = extensions.readInteger(as: UInt16.self),
            var content = extensions.readLengthPrefixedSlice(as: UInt16.self)
        {
            guard type == 16 else { continue }
            guard var list = content.readLengthPrefixedSlice(as: UInt16.self),
                let name = list.readLengthPrefixedSlice(as: UInt8.self),
                list.readableBytes == 0
            else { return nil }
            return String(buffer: name)
        }
        return nil
    }
}
