import ACME
import Authority
import Crypto
import DNS
import Foundation
import Logging
import NIOPosix
import PKIX
import ServiceLifecycle
import Signing
import Store
import Synchronization
import UnixSignals
import Validation
import Web

extension AuthorityPolicy {
    /// What the operator chose.
    init(_ settings: Settings) {
        self.init()
        certificateLifetime = .seconds(settings.certificateLifetime)
        backdate = .seconds(settings.backdate)
        orderLifetime = .seconds(settings.orderLifetime)
        authorizationLifetime = .seconds(settings.authorizationLifetime)
        maximumNames = settings.maximumNames
        termsOfService = settings.termsOfService
        revocationListLifetime = .seconds(settings.crlLifetime)
        validationDelays = [3, 10, 30, 60, 60, 60, 60, 60, 60].prefix(settings.validationAttempts - 1).map { .seconds($0) }
        // A lease outlives one try and the longest wait behind it.
        lease = .seconds(max(60, settings.validationDeadline + 70))
    }
}

/// Store, workers, publisher, web, in the order in which they depend on one another: shutdown runs backwards and drains.
struct Wiring {
    let folder: DataFolder
    let database: DatabaseLocation
    let settings: Settings
    let addresses: Addresses
    let listen: Endpoint
    let httpListen: Endpoint
    let metricsListen: Endpoint?
    let plainListen: Endpoint?
    let around: Surroundings
    let logger: Logger

    /// - Parameter ready: told once, when both listeners are bound.
    /// - Throws: `Failure` for everything that an operator can put right.
    func run(_ issuer: Issuer, ready: @escaping @Sendable () -> Void) async throws {
        let store: AuthorityStore
        do throws(StoreError) { store = try await AuthorityStore.open(database, now: around.now()) } catch {
            throw Failure(error)
        }
        do {
            try await serve(issuer, store, ready)
        } catch {
            await store.close()
            throw Failure(whatever: error)
        }
        await store.close()
    }

    private func serve(_ issuer: Issuer, _ store: AuthorityStore, _ ready: @escaping @Sendable () -> Void) async throws {
        let reach = Reach(
            resolver: try Resolver(servers: settings.resolvers),
            policy: try AddressPolicy(allowed: settings.allowedAddresses, own: AddressPolicy.addressesOfThisHost()),
            http01Port: settings.http01Port, tlsALPN01Port: settings.tlsALPN01Port,
            deadline: .seconds(settings.validationDeadline),
            group: MultiThreadedEventLoopGroup.singleton)
        let validator = Validator(reach)
        let authority = CertificateAuthority(
            store: store, issuer: issuer, urls: PublicationURLs(base: addresses.publication),
            policy: AuthorityPolicy(settings), validate: { await validator.validate($0) }, surroundings: around,
            name: "\(machineName()) (process \(getpid()))", logger: logger)
        try await authority.prepare()

        let (served, keeping) = try await tls(authority, issuer)
        var base = WebFoundation(
            authority: authority, nonces: authority.nonces, tls: served.box, around: around, logger: logger)
        let departure = Departure(delay: .seconds(settings.drainDelay), sleep: around.sleep, logger: logger)
        base.isEnding = { departure.isUnderWay }
        let health = Health(
            store: store, authority: authority, tls: served, around: around, isEnding: { departure.isUnderWay })
        let measurements = Measurements(store: store, authority: authority, tls: served, health: health, around: around)
        base.checks = { await health.checks() }
        base.readings = { await measurements.readings() }
        if settings.tracing == .log {
            base.tracing = RequestTracing(LogTracer(logger: logger, random: around.random))
        }
        let doors = Doors(expected: 2 + [metricsListen, plainListen].compactMap { $0 }.count, open: ready)
        base.bound = { kind, _ in doors.opened(kind) }
        var web = WebSettings(
            listen: .init(host: listen.host, port: listen.port), httpListen: .init(host: httpListen.host, port: httpListen.port),
            externalURL: addresses.external)
        web.monitoringListen = metricsListen.map { .init(host: $0.host, port: $0.port) }
        web.plainListen = plainListen.map { .init(host: $0.host, port: $0.port) }
        web.proxies = try TrustedProxies(settings)
        web.maximumConnections = connectionLimit(settings.maximumConnections, logger)
        web.maximumConnectionsPerAddress = settings.connectionsPerAddress
        web.name = settings.authorityName
        web.termsOfService = settings.termsOfService
        web.website = settings.website
        web.caaIdentities = settings.caaIdentities

        var configuration = ServiceGroupConfiguration(
            services: ([StoreWatch(store: store, around: around)] + authority.services + [keeping] + services(web, base) + [
                departure
            ]).map {
                .init(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(settings.drain + settings.drainDelay)
        configuration.maximumCancellationDuration = .seconds(10)
        logger.notice(
            "starting",
            metadata: ["version": "\(chanceryVersion)", "issuer": "\(issuer.id)", "directory": "\(addresses.directory)"])
        try await ServiceGroup(configuration: configuration).run()
        logger.notice("stopped")
    }

    /// The library's own lines speak of its insides.
    private var quiet: Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }

    private func tls(_ authority: CertificateAuthority, _ issuer: Issuer) async throws -> (ServedTLS, any Service) {
        if let certificate = settings.tlsCertificate, let key = settings.tlsKey {
            let served = try ServedTLS(ServingPair(certificate: certificate, key: key))
            return (served, TLSFilesReload(certificate: certificate, key: key, served: served, logger: logger))
        }
        let own = OwnCertificate(
            path: folder.tls, names: try certifiable(addresses.names, issuer), authority: authority, around: around,
            logger: logger)
        let served = try ServedTLS(try await own.current())
        return (served, OwnCertificateRenewal(own: own, served: served))
    }

    /// Those of the server's names that its own intermediate may certify.
    /// - Throws: `.configuration` when there is none, or a name that was asked for is not among them.
    private func certifiable(_ names: [String], _ issuer: Issuer) throws(Failure) -> [String] {
        guard let permitted = issuer.description.permittedNames else { return names }
        let fine = names.filter { name in
            IPAddressText(name) != nil || permitted.contains { name == $0 || name.hasSuffix(".\($0)") }
        }
        if let odd = settings.names.first(where: { !fine.contains($0) }) {
            throw Failure(
                .configuration,
                "names: \(odd) is not below \(permitted.joined(separator: ", ")), which is all the intermediate may certify; remove it."
            )
        }
        if fine.allSatisfy({ IPAddressText($0) != nil }) {
            let remedy = "set external-url to a name below it, or tls-certificate and tls-key"
            logger.warning(
                "the server's own certificate bears addresses only",
                metadata: ["permitted": "\(permitted)", "remedy": "\(remedy)"])
        }
        return fine
    }
}

/// Calls `open` once, when every expected listener is bound.
final class Doors: Sendable {
    private let open: @Sendable () -> Void
    private let waiting: Mutex<Int>

    init(expected: Int, open: @escaping @Sendable () -> Void) {
        waiting = Mutex(expected)
        self.open = open
    }

    func opened(_ kind: ListenerKind) {
        let isLast = waiting.withLock {
            $0 -= 1
            return $0 == 0
        }
        if isLast { open() }
    }
}

extension Failure {
    /// What came up from the rooms below, as a sentence.
    init(whatever error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as StoreError: self.init(error)
        case let error as SigningError: self.init(error)
        case let error as ClockIsBehind: self.init(.clock, error.description)
        case let error as ResolverError: self.init(.configuration, "resolver: \(error).")
        case let error as ListenFailure:
            self.init(.portInUse, "\(error); change listen, http-listen, metrics-listen or plain-listen.")
        case let error as Refusal: self.init(.failure, "The server's own certificate could not be issued: \(error).")
        default: self.init(.software, "chanceryd failed: \("\(error)".printable(limit: 500)).")
        }
    }
}
