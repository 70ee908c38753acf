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
    /// From the connection's begin until TLS stands, the PROXY protocol's header included.
    package var handshake: Duration = .seconds(10)
    /// From the handshake's end or the last answer until the next request's first byte.
    package var idle: Duration = .seconds(60)
    /// The same while there are nearly as many connections as there may be.
    package var crowdedIdle: Duration = .seconds(5)
    /// From a request's first byte until its header is there.
    package var header: Duration = .seconds(10)
    /// From a request's header until the end of its body.
    package var reading: Duration = .seconds(20)
    /// From the end of a request until its answer. Longer than anything that Authority waits for.
    package var answering: Duration = .seconds(60)
    /// Until the peer has taken the next `slice` bytes of an answer: who reads more slowly is hung up on.
    package var writing: Duration = .seconds(30)
    /// Bytes of an answer that are handed to the socket at a time; no connection holds more than about twice that.
    package var slice = 64 * 1024
    /// How long, and how many bytes, a peer that is being hung up on may go on sending: an answer sent just before a reset would be lost.
    package var lingering: Duration = .seconds(2)
    package var lingeringBytes = 1 << 20
    /// How long an idle connection is kept at shutdown: its next request may be on the way, and is answered with `Connection: close`.
    package var farewell: Duration = .seconds(1)

    package init() {}

    /// The shortest time in which something can become overdue.
    var shortest: Duration {
        [handshake, idle, crowdedIdle, header, reading, answering, writing, lingering, farewell].min() ?? idle
    }
}
