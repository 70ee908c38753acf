import ArgumentParser
import Authority
import Foundation
import Logging

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the authority in the foreground; on an empty folder make it first.",
        discussion: """
            Stops on SIGTERM or SIGINT, after the requests in flight. SIGHUP reads tls-certificate and tls-key again.

              chanceryd serve --data ./ca
              chanceryd serve --data ./ca --external-url https://ca.example.org:8443
              chanceryd serve --data ./ca --database postgresql://chancery@db.example.org/chancery
              chanceryd serve --data ./ca --listen 127.0.0.1:8443 --http-listen 127.0.0.1:8080 --allow-address 127.0.0.0/8
            """)
    @OptionGroup var place: DataOptions
    @OptionGroup(title: "Settings") var flags: SettingFlags

    func run() async throws {
        let folder = DataFolder(path: try place.folder)
        let state = try folder.state()
        let settings = try effectiveSettings(place, flags: flags).settings
        let logger = makeLogger(settings)
        let database = try databaseLocation(settings, folder, environment: ProcessInfo.processInfo.environment)
        signal(SIGHUP, SIG_IGN)
        try makeFolder(folder.path)
        let lock = try FolderLock(folder.path)
        // Before anything is made: a port in use should leave no half-made authority behind.
        let listen = try PortReservation(settings.listen, setting: "listen")
        let httpListen = try PortReservation(settings.httpListen, setting: "http-listen")
        let metricsListen = try MaybePort(settings.metricsListen, setting: "metrics-listen")
        let plainListen = try MaybePort(settings.plainListen, setting: "plain-listen")
        try PortReservation.requireApart(listen.bound, "listen", httpListen.bound, "http-listen")
        let addresses = Addresses(settings, listen: listen.bound, httpListen: httpListen.bound, machine: machineName())

        let membership = Membership(database: database, folder: folder, around: .ofThisProcess)
        try await membership.begin(state)
        let outcome = try await setUp(folder, CeremonyPlan(settings), settings, database)
        for line in outcome.lines(folder) { say(line) }
        let issuer = try openIssuer(folder, settings, environment: ProcessInfo.processInfo.environment)
        try await membership.finish(issuer)
        let wiring = Wiring(
            folder: folder, database: database, settings: settings, addresses: addresses, listen: listen.bound,
            httpListen: httpListen.bound, metricsListen: metricsListen.bound, plainListen: plainListen.bound,
            around: .ofThisProcess, logger: logger)
        let bound =
            "Listening: https \(listen.bound), http \(httpListen.bound)" + (metricsListen.bound.map { ", metrics \($0)" } ?? "")
            + (plainListen.bound.map { ", plain \($0)" } ?? "")
        try await wiring.run(issuer) {
            if state != .complete {
                for line in firstCertificateLines(directory: addresses.directory, root: folder.root) { say(line) }
            }
            say(bound)
            say("Ready: \(addresses.directory)")
        }
        lock.release()
    }
}

/// Every room's events, one line each on standard error.
func makeLogger(_ settings: Settings) -> Logger {
    LoggingSystem.bootstrap { label in
        LineLogHandler(
            label: label, format: settings.logFormat, sink: .standardError, now: { Date() }, logLevel: settings.logLevel)
    }
    return Logger(label: "chanceryd")
}
