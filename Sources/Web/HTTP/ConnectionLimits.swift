internal import NIOCore

/// What one connection may cost.
package struct ConnectionLimits: Sendable {
    /// Bytes of a request's body, 64 KiB.
    package var body = 64 * 1024
    /// Bytes of one header field, of all, and their number.
    package var field = 16 * 1024
    package var fields = 32 * 1024
    package var fieldCount = 64
    /// Bytes of the request target.
    package var target = 2048
    /// From the connection's begin or the last answer until the next request's header is there, the TLS handshake and the taking of that
    /// answer included.
    package var idle: Duration = .seconds(60)
    /// From a request's header until the end of its body.
    package var reading: Duration = .seconds(20)
    /// From the end of a request until its answer. Longer than anything that Authority waits for.
    package var answering: Duration = .seconds(60)
    /// Until the peer has taken the last answer.
    package var writing: Duration = .seconds(60)
    /// How long, and how many bytes, a peer that is being hung up on may go on sending: an answer sent just before a reset would be lost.
    package var lingering: Duration = .seconds(2)
    package var lingeringBytes = 1 << 20

    package init() {}
}
