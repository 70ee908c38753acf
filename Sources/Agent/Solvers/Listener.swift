import NIOCore
import NIOPosix

/// A port on all addresses, IPv6 and IPv4, whose connections live 15 seconds, bring 16 KiB at most and are 128 at once.
struct Listener: Sendable {
    private let channel: any Channel

    /// - Throws: `needsPerson` if the port cannot be had.
    static func bind(
        port: Int, _ pipeline: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(AgentError) -> Listener {
        guard (1...65535).contains(port) else { throw .needsPerson("\(port) is no TCP port.") }
        let connections = NIOConnectionCount()
        let bootstrap = ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConnectionLimits(connections))
                    try pipeline(channel)
                }
            }
        do {
            let both = bootstrap.serverChannelOption(.socket(SocketOptionLevel(41), SocketOptionName(26)), value: 0)
            return Listener(channel: try await both.bind(to: SocketAddress(ipAddress: "::", port: port)).get())
        } catch let error as IOError where error.errnoCode == 97 || error.errnoCode == 99 {
            // A host without IPv6.
            do {
                return Listener(channel: try await bootstrap.bind(to: SocketAddress(ipAddress: "0.0.0.0", port: port)).get())
            } catch {
                throw refusal(port, error)
            }
        } catch { throw refusal(port, error) }
    }

    func close() async { try? await channel.close() }

    private static func refusal(_ port: Int, _ error: any Error) -> AgentError {
        switch (error as? IOError)?.errnoCode {
        case 98:
            .needsPerson(
                "Port \(port) is in use by another program. Stop that, choose another port, or let the web server answer with --webroot DIR."
            )
        case 13: .needsPerson("Port \(port) may only be bound by root (or with CAP_NET_BIND_SERVICE).")
        default: .needsPerson("Port \(port) cannot be bound: \(error)")
        }
    }
}
