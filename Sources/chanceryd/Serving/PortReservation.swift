import Foundation

/// A port bound but not listened on, until the real listener has it: faults show before anything starts, `0` becomes a number that
/// URLs can carry, and nobody is given the port in between (the listener binds beside it by SO_REUSEADDR).
struct PortReservation: ~Copyable {
    /// With a concrete address (`::` or `0.0.0.0` for `*`) and port.
    let bound: Endpoint
    private let descriptor: Int32

    /// - Parameter flag: the setting, for the message.
    /// - Throws: `.portInUse`, `.addressUnavailable`, `.notPermitted`.
    init(_ wanted: Endpoint, setting: String) throws(Failure) {
        var last = Failure(.addressUnavailable, "\(setting) \(wanted): the name has no address; write one of this machine's.")
        for address in Self.addresses(wanted.host) {
            do throws(Failure) {
                self = try PortReservation(address, wanted, setting)
                return
            } catch {
                last = error
                // All addresses: a machine without IPv6 still has IPv4.
                if wanted.host != "*" || error.status != .addressUnavailable { break }
            }
        }
        throw last
    }

    private init(_ address: IPAddressText, _ wanted: Endpoint, _ setting: String) throws(Failure) {
        let family = address.family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw Failure(.addressUnavailable, "\(setting) \(wanted): this machine has no such addresses.")
        }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let port = UInt16(clamping: wanted.port).bigEndian
        let result: Int32
        switch address.family {
        case .v4:
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port
            withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address.bytes) }
            result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .v6:
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port
            withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.bytes) }
            result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw Self.failure(code, wanted, setting)
        }
        self.descriptor = descriptor
        bound = Endpoint(host: address.text, port: Self.port(of: descriptor))
    }

    deinit { close(descriptor) }

    /// Refuses two listeners that names and wildcards led to the same place.
    /// - Throws: `.configuration`.
    static func requireApart(_ one: Endpoint, _ oneSetting: String, _ other: Endpoint, _ otherSetting: String) throws(Failure) {
        guard one.port == other.port, one.host == other.host || one.isEveryAddress || other.isEveryAddress else { return }
        throw Failure(
            .configuration,
            "\(oneSetting) (\(one)) and \(otherSetting) (\(other)) want the same port; give one of them another port.")
    }

    private static func addresses(_ host: String) -> [IPAddressText] {
        if host == "*" { return ["::", "0.0.0.0"].compactMap { IPAddressText($0) } }
        if let address = IPAddressText(host) { return [address] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddressText] = []
        var next = list
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                == 0,
                let address = IPAddressText(
                    String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            {
                found.append(address)
            }
            next = entry.pointee.ai_next
        }
        // IPv4 first: `localhost` in a URL is tried that way by the tools that give up early.
        return found.filter { $0.family == .v4 } + found.filter { $0.family == .v6 }
    }

    private static func port(of descriptor: Int32) -> Int {
        var name = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { return 0 }
        // Both families keep the port in the same place.
        return withUnsafeBytes(of: &name) { Int($0[2]) << 8 | Int($0[3]) }
    }

    private static func failure(_ code: Int32, _ wanted: Endpoint, _ setting: String) -> Failure {
        switch code {
        case EADDRINUSE:
            Failure(
                .portInUse, "Port \(wanted.port) is in use by another process: stop it, or change \(setting) (now \(wanted)).")
        case EACCES:
            Failure(
                .notPermitted,
                "Port \(wanted.port) is not open to plain users: permit it to the program (setcap cap_net_bind_service=+ep on chanceryd), to the service (AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit) or to everybody (sysctl net.ipv4.ip_unprivileged_port_start=\(wanted.port)), or change \(setting) (now \(wanted)) to a port from 1024 up."
            )
        case EADDRNOTAVAIL:
            Failure(.addressUnavailable, "\(wanted.host) is no address of this machine: change \(setting) (now \(wanted)).")
        default:
            Failure(.addressUnavailable, "\(setting) \(wanted) cannot be listened on: \(String(cString: strerror(code))).")
        }
    }
}

/// A reservation where the setting may be unset.
struct MaybePort: ~Copyable {
    private let reservation: PortReservation?

    init(_ wanted: Endpoint?, setting: String) throws(Failure) {
        if let wanted { reservation = try PortReservation(wanted, setting: setting) } else { reservation = nil }
    }

    var bound: Endpoint? {
        switch reservation {
        case .some(let reservation): reservation.bound
        case nil: nil
        }
    }
}
