import Foundation
import Logging
import PKIX
import TestSupport
import Testing

@testable import chanceryd

/// The whole server in this process, in simulated time, over real sockets.
struct OwnCertificateTests {
    @Test func `the server's own certificate is renewed over a year of service without a restart, and never runs out`()
        async throws
    {
        let place = try TemporaryFolder()
        let folder = DataFolder(path: place.path("ca"))
        let time = SimulatedTime()
        let ceremony = Ceremony(folder: folder, now: { time.now }, random: { (0..<$0).map { _ in UInt8.random(in: 0...255) } })
        _ = try await ceremony.run(CeremonyPlan())
        var settings = Settings()
        settings.listen = Endpoint(host: "127.0.0.1", port: 0)
        settings.httpListen = settings.listen
        let listen = try PortReservation(settings.listen, setting: "listen")
        let httpListen = try PortReservation(settings.httpListen, setting: "http-listen")
        let port = listen.bound.port
        let wiring = Wiring(
            folder: folder, database: try databaseLocation(settings, folder, environment: [:]), settings: settings,
            addresses: Addresses(settings, listen: listen.bound, httpListen: httpListen.bound, machine: "test"),
            listen: listen.bound, httpListen: httpListen.bound, metricsListen: nil, plainListen: nil, around: time.surroundings,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let issuer = try openIssuer(folder, settings, environment: [:])
        let (opened, opening) = AsyncStream<Void>.makeStream()
        let running = Task {
            defer { opening.finish() }
            try await wiring.run(issuer) { opening.finish() }
        }
        for await _ in opened {}

        /// What a client that trusts the root is shown at this moment.
        func served() async throws -> Certificate509 {
            let session = try await Program.run(
                "openssl",
                [
                    "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", folder.root, "-verify_return_error", "-verify_ip",
                    "127.0.0.1", "-attime", "\(Int(time.now.timeIntervalSince1970))",
                ])
            #expect(session.status == 0, "not accepted at \(time.now): \(session)")
            let block = try #require(try PEM.decode(session.output, maximum: 1 << 16, allowingText: true).first)
            return try Certificate509(der: block.bytes)
        }
        var serials = [try await served().serialText]
        for _ in 0..<37 {
            // A third of 45 days is left when it is due, so that it must still be good now, and must soon be another.
            time.advance(10 * 86_400)
            _ = try await served()
            try await eventually("a certificate that is not due") {
                let leaf = try await served()
                if serials.last != leaf.serialText { serials.append(leaf.serialText) }
                return leaf.notAfter.timeIntervalSince(time.now) > 15 * 86_400
            }
        }
        #expect(serials.count == Set(serials).count && serials.count > 370 / 45, "\(serials.count)")
        running.cancel()
        _ = await running.result
        _ = (listen.bound, httpListen.bound)
    }
}
