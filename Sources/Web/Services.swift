package import Authority
internal import Foundation
package import Logging
package import Measures
internal import NIOCore
internal import PKIX
package import ServiceLifecycle

/// What the web listeners stand on.
package struct WebFoundation: Sendable {
    package var authority: CertificateAuthority
    package var nonces: any NonceBook
    package var tls: TLSContextBox
    package var around: Surroundings
    package var logger: Logger
    /// What must be in order for the server to do its work. For `/readyz`.
    package var checks: @Sendable () async -> [ReadinessCheck] = { [] }
    /// The server is about to end: answers close their connections, so that clients go elsewhere.
    package var isEnding: @Sendable () -> Bool = { false }
    /// What others count, for `/metrics`.
    package var readings: @Sendable () async -> [Reading] = { [] }
    /// Nil: nothing is traced.
    package var tracing: RequestTracing?
    /// Told once a listener is bound, with the port that it got.
    package var bound: @Sendable (ListenerKind, Int) async -> Void = { _, _ in }

    package init(
        authority: CertificateAuthority, nonces: any NonceBook, tls: TLSContextBox, around: Surroundings, logger: Logger
    ) {
        (self.authority, self.nonces, self.tls) = (authority, nonces, tls)
        (self.around, self.logger) = (around, logger)
    }
}

package enum ListenerKind: String, LabelValue {
    case https, http, monitoring
    /// For trusted proxies: the same as HTTPS without TLS.
    case plain
}

/// The listener for whoever watches, if there is one: first, so that it is the last to be shut down. The HTTPS listener with ACME and the
/// pages, the HTTP listener with what certificates point at, and the one for trusted proxies. Each ends when it has been asked
/// to shut down gracefully and the requests in flight are answered; kept-alive connections are told `Connection: close`.
package func services(_ settings: WebSettings, _ base: WebFoundation) -> [any Service] {
    let addresses = Addresses(external: settings.externalURL)
    let ids = RequestIDs(seed: base.around.random(6))
    let home = HomePage(
        name: settings.name, directory: addresses[.directory], rootURL: addresses[.rootPEM], root: base.authority.issuer.root.der)
    let pages = Pages(
        home: home.answer, measures: WebMeasures(), checks: base.checks, readings: base.readings)
    let publication = Publication(authority: base.authority, now: base.around.now)
    let dates = DateLine(now: base.around.now)

    let admission = Admission(settings.load)

    func service(_ kind: ListenerKind, _ address: WebSettings.Address) -> any Service {
        let isWhole = kind == .https || kind == .plain
        let acme =
            isWhole ? ACMESite(authority: base.authority, nonces: base.nonces, settings: settings, now: base.around.now) : nil
        var logger = base.logger
        logger[metadataKey: "listener"] = .string(kind.rawValue)
        let site = Site(
            acme: acme, nonces: isWhole ? base.nonces : nil, pages: pages, publication: publication, addresses: addresses,
            offers: { settings.offers($0, on: kind) }, tracing: base.tracing, requestIDs: ids, isEnding: base.isEnding,
            admission: admission, servesProxiesOnly: kind == .plain, logger: logger)
        return Listener(
            kind: kind, address: address, tls: kind == .https ? base.tls : nil, settings: settings, measures: pages.measures,
            dates: dates, site: Respondent(respond: { site.respond($0, delay: $1) }, refusal: { site.refusal($0, $1) }),
            bound: base.bound, logger: logger)
    }
    return (settings.monitoringListen.map { [service(.monitoring, $0)] } ?? []) + [service(.https, settings.listen)]
        + (settings.httpListen.map { [service(.http, $0)] } ?? []) + (settings.plainListen.map { [service(.plain, $0)] } ?? [])
}

extension WebSettings {
    /// What strangers need not see is only on the listener for whoever watches, where there is one.
    func offers(_ route: Route, on listener: ListenerKind) -> Bool {
        switch listener {
        case .https, .plain: route != .metrics || monitoringListen == nil
        case .http: !route.isACME && (route != .metrics || monitoringListen == nil)
        case .monitoring: [.metrics, .readiness, .health].contains(route)
        }
    }
}
