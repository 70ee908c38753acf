import ACME
import Authority
import Foundation
import NIOCore
import NIOPosix
import Store
import Synchronization
import Testing

@testable import Web

/// More than can be done: who is sent away, at what price, and who is let through.
struct LoadTests {
    private final class Flag: Sendable { let value = Atomic(true) }

    private func limits(_ change: (inout LoadLimits) -> Void) -> LoadLimits {
        var limits = LoadLimits()
        change(&limits)
        return limits
    }

    @Test func `what has begun is let in before what begins, and as many as there is room for`() {
        let admission = Admission(
            limits {
                $0.beginning = 2
                $0.all = 4
            })
        #expect(admission.enter(.beginning, delay: .zero))
        #expect(admission.enter(.beginning, delay: .zero))
        #expect(!admission.enter(.beginning, delay: .zero))
        #expect(admission.enter(.continuing, delay: .seconds(10)))
        #expect(admission.enter(.continuing, delay: .zero))
        #expect(!admission.enter(.continuing, delay: .zero))
        #expect(admission.refused == 2)
        admission.leave(.beginning)
        #expect(admission.enter(.beginning, delay: .zero))
        #expect(!admission.enter(.beginning, delay: .zero))
        #expect(admission.underWay == 4)
    }

    @Test(arguments: [(0, 160), (60, 160), (90, 120), (120, 80), (150, 40), (180, 0), (5000, 0)])
    func `the further behind an event loop is, the fewer beginnings are let in`(milliseconds: Int, of160: Int) {
        let admission = Admission(limits { $0.delays = (.milliseconds(60), .milliseconds(180)) })
        var taken = 0
        for _ in 0..<160 where admission.enter(.beginning, delay: .milliseconds(milliseconds)) {
            taken += 1
            admission.leave(.beginning)
        }
        #expect(taken == of160)
        #expect(admission.enter(.continuing, delay: .milliseconds(milliseconds)))
    }

    @Test func `refusals are told of once a second, with their number`() {
        let admission = Admission(limits { $0.beginning = 0 })
        for _ in 0..<5 { _ = admission.enter(.beginning, delay: .zero) }
        #expect(admission.tell() == 5)
        for _ in 0..<7 { _ = admission.enter(.beginning, delay: .zero) }
        #expect(admission.tell() == nil)
        #expect(admission.refused == 12)
    }

    @Test func `a server that is full refuses beginnings with 503, a nonce and different waits, and keeps the connection`()
        async throws
    {
        let world = try await World(load: limits { $0.beginning = 0 })
        let client = try await world.client()
        var waits: Set<String> = []
        for path in ["new-order", "new-account", "new-order", "new-order"] {
            // Nothing of it is read, not even whether it is signed.
            try await client.send(Wire("/acme/default/" + path, "no JWS at all").bytes)
            let answer = try await client.answer()
            #expect(answer.status == 503)
            #expect(answer.problem == "serverInternal")
            #expect(answer.all("Replay-Nonce").count == 1)
            #expect(answer["Connection"] == nil)
            #expect(answer["Link"]?.contains("index") == true)
            waits.insert(try #require(answer["Retry-After"]))
        }
        #expect(waits.count == 4)
        // What costs nothing is answered as ever.
        for path in ["/acme/default/directory", "/acme/default/new-nonce", "/healthz", "/"] {
            try await client.send(Wire(method: "HEAD", path).bytes)
            #expect(try await client.answer(toHead: true).status == 200)
        }
        try await client.send(Wire(method: "GET", "/readyz").bytes)
        #expect(try await client.answer().status == 200)
        await client.close()
        try await world.stop()
        #expect(world.lines.all.contains { $0.message.hasPrefix("Requests were refused") })
        #expect(!world.lines.all.contains { $0.metadata["status"] == "503" })
    }

    @Test func `an order that has begun is finished while new ones are refused`() async throws {
        let world = try await World(load: limits { $0.beginning = 0 })
        let key = SigningKey(.p256)
        let (account, _) = try await world.authority.createAccount(
            NewAccount(Payload(Array(#"{"termsOfServiceAgreed":true}"#.utf8))), key: key.jwk)
        let wanted = try NewOrder(Payload(Array(HostileWorld.good.utf8)))
        let order = try await world.authority.createOrder(wanted, for: account.id).order
        let holder = Holder(world: world, key: key, kid: World.acme + "/account/" + account.id.text)
        #expect(try await holder.order("b.example").status == 503)
        #expect(try await holder.post(World.acme + "/order/" + order.id.text, "").status == 200)
        #expect(try await holder.post(holder.kid, "").status == 200)
        try await world.stop()
    }

    @Test func `a loop that is kept busy is found late, and found in time again`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let pulse = try await loop.submit { NIOLoopBound(Pulse(loop), eventLoop: loop) }.get()
        @Sendable func delay() async throws -> Duration {
            try await loop.submit {
                pulse.value.note()
                return pulse.value.delay
            }.get()
        }
        func until(_ isSo: (Duration) -> Bool) async throws -> Bool {
            let end = ContinuousClock.now + .seconds(30)
            while ContinuousClock.now < end {
                if isSo(try await delay()) { return true }
                try await Task.sleep(for: .milliseconds(10))
            }
            return false
        }
        #expect(try await delay() == .zero)
        let isBusy = Flag()
        @Sendable func burn() {
            guard isBusy.value.load(ordering: .relaxed) else { return }
            let end = NIODeadline.now() + .milliseconds(300)
            while NIODeadline.now() < end {}
            loop.execute { burn() }
        }
        loop.execute { burn() }
        #expect(try await until { $0 > .milliseconds(100) })
        isBusy.value.store(false, ordering: .relaxed)
        #expect(try await until { $0 < .milliseconds(50) })
        try await group.shutdownGracefully()
    }

    @Test func `idle connections make room when nearly all places are taken`() async throws {
        let world = try await World(
            limits: ConnectionTests.limits { $0.crowdedIdle = .milliseconds(100) }, maximumConnections: 4)
        var idle: [WireClient] = []
        for _ in 0..<4 {
            let client = try await WireClient(port: world.httpPort, tls: false)
            try await client.send(Wire(method: "GET", "/healthz").bytes)
            #expect(try await client.answer().status == 200)
            idle.append(client)
        }
        // It waits in the system's queue until one of the four has gone.
        let fifth = try await WireClient(port: world.httpPort, tls: false)
        try await fifth.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await fifth.answer().status == 200)
        try await world.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a reader that takes nothing is hung up on, and holds no more than a few slices meanwhile`() async throws {
        let world = try await World(
            limits: ConnectionTests.limits {
                $0.writing = .milliseconds(300)
                $0.slice = 16 * 1024
            })
        let client = try await WireClient(port: world.httpPort, tls: false, readsNothing: true)
        // More answers than the two sockets' buffers hold.
        let page = Wire(method: "GET", "/").bytes
        let all = [UInt8](Array(repeating: page, count: 20_000).joined())
        try? await client.send(all)
        #expect(await client.isGone())
        #expect(try await world.getPlain("/healthz").status == 200)
        try await world.stop()
    }
}
