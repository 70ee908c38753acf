internal import Dispatch
internal import Glibc
internal import Synchronization

/// A DNS server on a free loopback port, UDP and TCP, that answers what a test tells it to and remembers what it was asked.
package final class NameServer: Sendable {
    package struct Question: Sendable, Hashable {
        /// Lower case, without the last dot.
        package let name: String
        /// 1 A, 2 NS, 5 CNAME, 16 TXT, 28 AAAA.
        package let type: Int
        package let overTCP: Bool
    }
    package struct Record: Sendable {
        let name: String?
        let type: UInt16
        let data: [UInt8]
        /// `name` nil: the name that was asked for.
        package init(_ name: String? = nil, type: UInt16, data: [UInt8]) {
            (self.name, self.type, self.data) = (name, type, data)
        }
        package static func a(_ octets: [UInt8], at name: String? = nil) -> Record { Record(name, type: 1, data: octets) }
        package static func aaaa(_ octets: [UInt8], at name: String? = nil) -> Record { Record(name, type: 28, data: octets) }
        package static func cname(_ target: String, at name: String? = nil) -> Record {
            Record(name, type: 5, data: NameServer.wire(target))
        }
        package static func ns(_ server: String) -> Record { Record(type: 2, data: NameServer.wire(server)) }
        package static func txt(_ strings: String..., at name: String? = nil) -> Record {
            Record(name, type: 16, data: strings.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) })
        }
        /// An A or AAAA record, by the number of octets.
        package static func address(_ octets: [UInt8]) -> Record { octets.count == 4 ? .a(octets) : .aaaa(octets) }
    }
    package enum Reply: Sendable {
        /// Those of another type than the one asked for are left out, but CNAMEs.
        case records([Record])
        /// A header with this response code and nothing else: 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
        case code(Int)
        /// Over UDP an empty answer with TC; over TCP the records.
        case truncated([Record])
        case silence
    }

    /// `127.0.0.1:PORT`, as `Resolver(servers:)` takes it.
    package let address: String
    package var questions: [Question] { asked.withLock { $0 } }
    /// As an authoritative server does: AA set, RA clear.
    package let authoritative: Bool

    private let asked = Mutex<[Question]>([])
    private let answer: @Sendable (Question) -> Reply
    // Filled in the initializer, read in the deinitializer.
    private nonisolated(unsafe) var sources: [any DispatchSourceRead] = []

    package init(authoritative: Bool = false, _ answer: @escaping @Sendable (Question) -> Reply) {
        (self.authoritative, self.answer) = (authoritative, answer)
        let (udp, tcp, port) = Self.sockets()
        address = "127.0.0.1:\(port)"
        listen(udp) { server, socket in server.serveDatagram(socket) }
        listen(tcp) { server, socket in server.serveStream(socket) }
    }

    deinit { sources.forEach { $0.cancel() } }

    private func listen(_ socket: CInt, _ serve: @escaping @Sendable (NameServer, CInt) -> Void) {
        let source = DispatchSource.makeReadSource(fileDescriptor: socket, queue: DispatchQueue(label: "name server"))
        source.setEventHandler { [weak self] in if let self { serve(self, socket) } }
        source.setCancelHandler { _ = close(socket) }
        source.resume()
        sources.append(source)
    }

    /// One port free for both protocols.
    private static func sockets() -> (udp: CInt, tcp: CInt, port: UInt16) {
        while true {
            let udp = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
            let tcp = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            var here = sockaddr_in()
            here.sin_family = sa_family_t(AF_INET)
            here.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &here) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(udp, $0, length) == 0 && getsockname(udp, $0, &length) == 0 && bind(tcp, $0, length) == 0
                }
            }
            if bound, Glibc.listen(tcp, 16) == 0 { return (udp, tcp, UInt16(bigEndian: here.sin_port)) }
            _ = (close(udp), close(tcp))
        }
    }

    private func serveDatagram(_ socket: CInt) {
        var query = [UInt8](repeating: 0, count: 4096)
        var peer = sockaddr()
        var length = socklen_t(MemoryLayout<sockaddr>.size)
        let count = recvfrom(socket, &query, query.count, 0, &peer, &length)
        guard count > 0, let reply = reply(to: Array(query.prefix(count)), overTCP: false) else { return }
        _ = sendto(socket, reply, reply.count, 0, &peer, length)
    }

    private func serveStream(_ socket: CInt) {
        let peer = accept(socket, nil, nil)
        guard peer >= 0 else { return }
        defer { _ = close(peer) }
        var query = [UInt8](repeating: 0, count: 4096)
        let count = recv(peer, &query, query.count, 0)
        guard count > 2, let reply = reply(to: Array(query[2..<count]), overTCP: true) else { return }
        let framed = [UInt8(reply.count >> 8), UInt8(reply.count & 255)] + reply
        _ = send(peer, framed, framed.count, CInt(MSG_NOSIGNAL))
    }

    private func reply(to query: [UInt8], overTCP: Bool) -> [UInt8]? {
        var (labels, index): ([String], Int) = ([], 12)
        while index < query.count, query[index] != 0 {
            let end = index + 1 + Int(query[index])
            guard end < query.count else { return nil }
            labels.append(String(decoding: query[(index + 1)..<end], as: UTF8.self).lowercased())
            index = end
        }
        guard index + 5 <= query.count else { return nil }
        let type = UInt16(query[index + 1]) << 8 | UInt16(query[index + 2])
        let name = labels.joined(separator: ".")
        let question = Question(name: name, type: Int(type), overTCP: overTCP)
        asked.withLock { $0.append(question) }

        var (code, truncated, records): (UInt8, Bool, [Record]) = (0, false, [])
        switch answer(question) {
        case .silence: return nil
        case .code(let number): code = UInt8(number)
        case .records(let all): records = all
        case .truncated(let all): (truncated, records) = overTCP ? (false, all) : (true, [])
        }
        records = records.filter { $0.type == type || $0.type == 5 }
        let flags: [UInt8] = [0x81 | (authoritative ? 4 : 0) | (truncated ? 2 : 0), (authoritative ? 0 : 0x80) | code]
        var reply = Array(query[0..<2]) + flags + [0, 1, UInt8(records.count >> 8), UInt8(records.count & 255), 0, 0, 0, 0]
        reply += query[12..<(index + 5)]
        for record in records {
            reply += Self.wire(record.name ?? name) + [UInt8(record.type >> 8), UInt8(record.type & 255), 0, 1, 0, 0, 0, 60]
            reply += [UInt8(record.data.count >> 8), UInt8(record.data.count & 255)] + record.data
        }
        return reply
    }

    private static func wire(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }
}
