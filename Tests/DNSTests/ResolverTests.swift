import Synchronization
import TestSupport
import Testing

@testable import DNS

@Suite(.timeLimit(.minutes(1)))
struct ResolverTests {
    private static let wanted = IPAddress(v4: 0xc000_0201)

    @Test(arguments: [false, true])
    func `addresses come IPv6 first, from a resolver and from an authoritative server`(authoritative: Bool) async throws {
        let server = NameServer(authoritative: authoritative) { _ in
            .records([.a([192, 0, 2, 1]), .aaaa([0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [1])])
        }
        let found = try await Resolver(servers: [server.address]).addresses(of: "a.test")
        #expect(found.map(\.description) == ["2001:db8::1", "192.0.2.1"])
        #expect(Set(server.questions.map(\.type)) == [1, 28])
        #expect(server.questions.count == 2, "one question per type, and no search domain")
    }

    @Test func `one family is enough when the other fails`() async throws {
        let server = NameServer { $0.type == 28 ? .code(2) : .records([.a([192, 0, 2, 1])]) }
        #expect(try await Resolver(servers: [server.address]).addresses(of: "a.test") == [Self.wanted])
    }

    @Test(arguments: [false, true])
    func `S-8.4-1 strings of a TXT record are joined, records are not, CNAMEs are followed`(authoritative: Bool) async throws {
        let server = NameServer(authoritative: authoritative) { question in
            switch question.name {
            case "_acme-challenge.a.test": .records([.cname("else.example")])
            case "else.example": .records([.txt("one", "two"), .txt("three"), .txt("")])
            default: .code(3)
            }
        }
        let texts = try await Resolver(servers: [server.address]).txt("_acme-challenge.a.test")
        #expect(Set(texts.map { String(decoding: $0, as: UTF8.self) }) == ["onetwo", "three", ""])
    }

    @Test func `a truncated answer is asked again over TCP`() async throws {
        let long = String(repeating: "x", count: 200)
        let server = NameServer { _ in .truncated((0..<20).map { .txt("\(long)\($0)") }) }
        let texts = try await Resolver(servers: [server.address]).txt("a.test")
        #expect(texts.count == 20)
        #expect(server.questions.contains { $0.overTCP })
    }

    @Test(arguments: [(3, LookupFailure.Kind.noSuchName), (2, .serverFailure), (5, .serverFailure)])
    func `response codes become kinds of failure`(code: Int, kind: LookupFailure.Kind) async throws {
        let server = NameServer { _ in .code(code) }
        let resolver = try Resolver(servers: [server.address])
        let txt = await #expect(throws: LookupFailure.self) { try await resolver.txt("a.test") }
        #expect(txt?.kind == kind)
        let addresses = await #expect(throws: LookupFailure.self) { try await resolver.addresses(of: "a.test") }
        #expect(addresses?.kind == kind)
    }

    @Test func `a name without the record is told from a name that is not there`() async throws {
        let server = NameServer { _ in .records([.a([192, 0, 2, 1])]) }
        let failure = await #expect(throws: LookupFailure.self) { try await Resolver(servers: [server.address]).txt("a.test") }
        #expect(failure?.kind == .noData)
    }

    @Test(arguments: [1, 2, 3, 4])
    func `what a client repaired is seen by the next lookup`(badAnswer: Int) async throws {
        let repaired = Mutex(false)
        let server = NameServer { _ in
            if repaired.withLock({ $0 }) { return .records([.txt("right")]) }
            return switch badAnswer {
            case 1: .records([.txt("wrong")])
            case 2: .records([])
            case 3: .code(3)
            default: .code(2)
            }
        }
        let resolver = try Resolver(servers: [server.address])
        _ = try? await resolver.txt("a.test")
        repaired.withLock { $0 = true }
        #expect(try await resolver.txt("a.test") == [Array("right".utf8)])
    }

    @Test func `a server that was silent for a while is asked again at once`() async throws {
        let awake = Mutex(false)
        let server = NameServer { _ in awake.withLock { $0 } ? .records([.txt("right")]) : .silence }
        let resolver = try Resolver(servers: [server.address], patience: .milliseconds(900))
        for _ in 0..<3 {
            let failure = await #expect(throws: LookupFailure.self) { try await resolver.txt("a.test") }
            #expect(failure?.kind == .timeout || failure?.kind == .serverFailure)
        }
        awake.withLock { $0 = true }
        let patient = try await resolver.txt("b.test")
        #expect(patient == [Array("right".utf8)])
    }

    @Test func `cancellation ends a lookup that nobody answers`() async throws {
        let server = NameServer { _ in .silence }
        let resolver = try Resolver(servers: [server.address], patience: .seconds(3600))
        let asking = Task { try await resolver.txt("a.test") }
        while server.questions.isEmpty { await Task.yield() }
        asking.cancel()
        let failure = await #expect(throws: LookupFailure.self) { try await asking.value }
        #expect(failure?.kind == .cancelled)
        let early = Task { try await resolver.txt("b.test") }
        early.cancel()
        await #expect(throws: LookupFailure.self) { try await early.value }
    }

    @Test func `many lookups at once each get their own answer`() async throws {
        let server = NameServer { .records([.txt($0.name)]) }
        let resolver = try Resolver(servers: [server.address])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let name = "n\(number).test"
                    let texts = try await resolver.txt(name)
                    #expect(texts == [Array(name.utf8)])
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `the host's own resolver knows the names of its hosts file`() async throws {
        let found = try await Resolver().addresses(of: "localhost")
        #expect(found.contains(IPAddress(v4: 0x7f00_0001)))
    }

    @Test func `given records are answered and nothing else is asked`() async throws {
        let resolver = try Resolver(records: ["a.test. 60 IN A 192.0.2.1", "a.test. 60 IN TXT \"text\""])
        #expect(try await resolver.addresses(of: "a.test") == [Self.wanted])
        #expect(try await resolver.txt("a.test") == [Array("text".utf8)])
        let failure = await #expect(throws: LookupFailure.self) { try await resolver.addresses(of: "b.test") }
        #expect(failure?.kind == .noSuchName)
    }

    @Test(arguments: [
        "", "a\\046test", "a b.test", "a\u{0}.test", "ä.test", String(repeating: "a", count: 300), "a..test", ".", "-",
    ])
    func `odd names fail and end nothing`(name: String) async throws {
        let resolver = try Resolver(records: ["a.test. 60 IN A 192.0.2.1"])
        await #expect(throws: LookupFailure.self) { try await resolver.addresses(of: name) }
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:5353", "192.0.2.1@5353"), ("::1", "::1"), ("[::1]:53", "::1@53"),
        ("[::1]", "::1"),
    ])
    func `servers are written as people write them`(text: String, forwarder: String) throws {
        #expect(try Resolver.forwarder(text) == forwarder)
    }

    @Test func `a resolv.conf is read for its servers only`() {
        let file =
            "# comment\nsearch a.test\nnameserver 192.0.2.1\nnameserver\t fe80::1%eth0 \nnameserver nonsense\nnameservers 192.0.2.9\n"
        #expect(Resolver.nameservers(file) == ["192.0.2.1", "fe80::1%eth0"])
        #expect(Resolver.nameservers("") == ["127.0.0.1"])
    }

    @Test(arguments: [
        "", "dns.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[192.0.2.1]:53", ":53", "[::1", "1.2.3", "[]",
    ])
    func `other servers are refused with the reason`(text: String) {
        #expect(throws: ResolverError.notAServer(text)) { try Resolver(servers: [text]) }
    }

    @Test(
        arguments: [([3, 1, 2, 3, 0, 1, 9], [1, 2, 3, 9] as [UInt8]?), ([], []), ([0], []), ([2, 1], nil), ([255], nil)]
            as [([UInt8], [UInt8]?)])
    func `TXT data of any shape is read within its bounds`(record: [UInt8], text: [UInt8]?) {
        #expect(Resolver.joined(record) == text)
    }
}

struct IPAddressTests {
    @Test(arguments: ["192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1"])
    func `an address survives text and bytes`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == text)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        "", "1.2.3", "01.2.3.4", "0x7f.0.0.1", "2130706433", "127.1", "1.2.3.4.", " 1.2.3.4", "1.2.3.4 ", "256.1.1.1",
        "fe80::1%eth0", "[::1]",
        "1.2.3.4\u{0}", "::g", ":::", "1::2::3",
    ])
    func `addresses in disguise are none`(text: String) { #expect(IPAddress(text) == nil) }
}
