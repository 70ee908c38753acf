import TestSupport
import Testing

@testable import DNS

@Suite(.timeLimit(.minutes(1)))
struct DelegationTests {
    @Test(
        arguments: [
            ([2, 0x4E, 0x73, 4, 0x74, 0x65, 0x73, 0x74, 0], "ns.test"), ([0], ""), ([], nil), ([1], nil), ([1, 0x61], nil),
            ([1, 0x61, 0, 0], nil),
            ([64] + [UInt8](repeating: 0x61, count: 64) + [0], nil), ([0xC0, 12], nil), ([1, 0x2E, 0], nil), ([1, 0, 0], nil),
            ([1, 0xFF, 0], nil),
            ([UInt8](repeating: 1, count: 600), nil),
        ] as [([UInt8], String?)])
    func `a name in a record is read whole, or not at all`(record: [UInt8], name: String?) {
        #expect(Resolver.name(record) == name)
    }

    @Test func `the nearest zone above a name is found, with its servers in order`() async throws {
        let server = NameServer { question in
            guard question.type == 2, question.name == "b.test" else { return question.name == "test" ? .code(2) : .code(3) }
            return .records([.ns("Two.b.test"), .ns("one.b.test")])
        }
        let resolver = try Resolver(servers: [server.address])
        #expect(
            try await resolver.delegation(of: "x.y.b.test") == Delegation(zone: "b.test", servers: ["one.b.test", "two.b.test"]))
        await #expect(throws: LookupFailure.self) { _ = try await resolver.delegation(of: "c.test") }
        let nothing = NameServer { _ in .records([]) }
        let bare = try Resolver(servers: [nothing.address])
        do {
            _ = try await bare.delegation(of: "c.test")
            Issue.record("a zone without servers")
        } catch { #expect(error.kind == .noData) }
    }

    @Test func `what one server says is told apart: addresses, another name, nothing, no such name`() async throws {
        let server = NameServer(authoritative: true) { question in
            switch question.name {
            case "a.test": question.type == 1 ? .records([.a([192, 0, 2, 2]), .a([192, 0, 2, 1])]) : .records([])
            case "alias.test": .records([.cname("a.test")])
            case "none.test": .records([])
            default: .code(3)
            }
        }
        let resolver = try Resolver(servers: [server.address])
        #expect(try await resolver.own("a.test") == .addresses([IPAddress(v4: 0xC000_0201), IPAddress(v4: 0xC000_0202)]))
        #expect(try await resolver.own("alias.test") == .alias("a.test"))
        #expect(try await resolver.own("none.test") == .addresses([]))
        do {
            _ = try await resolver.own("x.test")
            Issue.record("a name that is nowhere")
        } catch { #expect(error.kind == .noSuchName) }
    }

    @Test func `signatures cannot be checked through a resolver that has no signed root`() async throws {
        let server = NameServer { _ in .code(3) }
        #expect(
            await
                !(try Resolver(servers: [server.address], patience: .seconds(5), anchors: Resolver.rootAnchors)
                .canCheckSignatures()))
        #expect(throws: ResolverError.self) { _ = try Resolver(servers: [server.address], anchors: ["no anchor at all \u{1}"]) }
    }
}
