internal import ACME
internal import Authority
internal import Foundation
internal import Logging
internal import Measures
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Everything one listener serves: finds the route, asks whoever serves it, and dresses the answer. The only catch of the room.
struct Site: Sendable {
    /// Absent on plain HTTP, where no nonce is issued either.
    let acme: ACMESite?
    let nonces: (any NonceBook)?
    let pages: Pages
    let publication: Publication
    let addresses: Addresses
    /// Whether this listener has it.
    let offers: @Sendable (Route) -> Bool
    let tracing: RequestTracing?
    let requestIDs: RequestIDs
    let isEnding: @Sendable () -> Bool
    let admission: Admission
    /// Whoever does not come through a trusted proxy is told to.
    let servesProxiesOnly: Bool
    let logger: Logger
    private let overloaded: Overloaded
    /// The fields that every answer carries, and the same without the link to the directory.
    private let standing: [UInt8]
    private let standingWithoutIndex: [UInt8]

    init(
        acme: ACMESite?, nonces: (any NonceBook)?, pages: Pages, publication: Publication, addresses: Addresses,
        offers: @escaping @Sendable (Route) -> Bool, tracing: RequestTracing?, requestIDs: RequestIDs,
        isEnding: @escaping @Sendable () -> Bool, admission: Admission, servesProxiesOnly: Bool, logger: Logger
    ) {
        (self.acme, self.nonces, self.pages, self.publication) = (acme, nonces, pages, publication)
        (self.addresses, self.offers, self.tracing, self.requestIDs) = (addresses, offers, tracing, requestIDs)
        (self.isEnding, self.admission, self.servesProxiesOnly, self.logger) = (isEnding, admission, servesProxiesOnly, logger)
        let common = "X-Content-Type-Options: nosniff\r\nAccess-Control-Allow-Origin: *\r\n"
        let exposed = "Access-Control-Expose-Headers: Replay-Nonce, Location, Link, Retry-After\r\n"
        standingWithoutIndex = Array((common + (nonces == nil ? "" : exposed)).utf8)
        standing = standingWithoutIndex + (nonces == nil ? [] : Array("Link: <\(addresses[.directory])>;rel=\"index\"\r\n".utf8))
        overloaded = Overloaded(standing)
    }

    /// What can be said without asking anyone is said at once, on the event loop.
    /// - Parameter delay: how far that loop is behind.
    func respond(_ received: Received, delay: Duration) -> Step {
        let route = Route(received.path)
        if tracing == nil, let answer = atOnce(received, route) {
            return .now(dressed(answer, received, route, requestIDs.next()))
        }
        let load = route?.load ?? .continuing
        guard admission.enter(load, delay: delay) else { return .now(refusalForLoad(received, route, delay)) }
        let id = requestIDs.next()
        return .later {
            defer { admission.leave(load) }
            return await RequestID.$current.withValue(id) {
                guard let tracing else { return dressed(await whole(received, route), received, route, id) }
                return await tracing.trace(received, route?.name ?? .unknown, id) {
                    dressed(await whole(received, route), received, route, id)
                }
            }
        }
    }

    /// Cheap, since it is wanted when there is no time: nothing of the request is read any more, and the answer is as good as made. A nonce
    /// costs less than the request by which the client would come for it.
    private func refusalForLoad(_ received: Received, _ route: Route?, _ delay: Duration) -> Answer {
        var answer = overloaded.next()
        if isEnding() { answer.closes = true }
        if let nonces, received.isPost { answer.headers.add(name: "Replay-Nonce", value: nonces.issue()) }
        pages.measures.count(
            route?.name ?? .unknown, status: 503, problem: answer.facts.problem, NIODeadline.now() - received.arrived)
        if let count = admission.tell() {
            logger.warning(
                "Requests were refused, since there are more than can be answered",
                metadata: [
                    "refused": .stringConvertible(count), "under_way": .stringConvertible(admission.underWay),
                    "delay_ms": .stringConvertible(Int(delay / .milliseconds(1))),
                ])
        }
        return answer
    }

    /// For what the connection refuses by itself.
    func refusal(_ fault: Fault, _ received: Received) -> Answer {
        let type: ErrorType = fault == .overdue ? .serverInternal : .malformed
        var answer = Answer(Problem(type, Int(fault.status.code), fault.detail))
        if fault == .overdue { answer = answer.retrying(after: 5) }
        return dressed(answer, received, Route(received.path), requestIDs.next())
    }

    private func atOnce(_ received: Received, _ route: Route?) -> Answer? {
        guard !servesProxiesOnly || received.proxy != nil else {
            return Answer(
                Problem(.unauthorized, 403, "This address of the server is for its trusted proxies only; see trusted-proxies."))
        }
        guard received.target != "*" else { return Answer(.noContent).with("Allow", "GET, HEAD, POST, OPTIONS") }
        guard let route, offers(route) else { return .notFound() }
        guard route.methods.contains(received.method) else { return .notAllowed(received.method, route) }
        guard received.method != .OPTIONS else { return preflight(route) }
        switch route {
        case .home: return pages.home
        case .health: return pages.health
        case .rootPEM: return publication.rootPEM
        case .rootDER: return publication.rootDER
        default: return acme?.atOnce(received, route)
        }
    }

    private func whole(_ received: Received, _ route: Route?) async -> Answer {
        if let answer = atOnce(received, route) { return answer }
        guard let route else { return .notFound() }
        do {
            if route.isACME, let acme { return try await acme.answer(received, route) }
            return try await page(received, route)
        } catch {
            return answer(to: error, received, route)
        }
    }

    private func page(_ received: Received, _ route: Route) async throws -> Answer {
        switch route {
        case .readiness: return await pages.readiness()
        case .metrics: return await pages.metrics()
        case .issuer(let name): return try await publication.issuer(name)
        case .revocationList(let name): return try await publication.list(name, ifNoneMatch: received.headers["If-None-Match"])
        default: return .notFound()
        }
    }

    private func answer(to error: any Error, _ received: Received, _ route: Route) -> Answer {
        switch error {
        case let problem as Problem:
            let answer = Answer(problem)
            return problem.status == 415 ? answer.with("Accept-Encoding", "identity") : answer
        case let refusal as Refusal:
            var answer = Answer(Problem(refusal)).retrying(after: refusal.retryAfter)
            if case .keyInUse(let account) = refusal { answer = answer.with("Location", addresses[.account(account)]) }
            if case .termsNotAgreed(let terms) = refusal { answer = answer.linking(terms, "terms-of-service") }
            if case .termsChanged(let terms, let account) = refusal, let token = acme?.authority.consentToken(account) {
                // Said twice: many clients print nothing of a problem but its detail.
                let page = addresses[.terms(account, token: token)]
                var problem = Problem(refusal)
                problem.instance = page
                problem.detail = (problem.detail ?? "") + " The page: \(page)"
                answer = Answer(problem).linking(terms, "terms-of-service")
            }
            return answer
        default:
            logger.error(
                "A request failed for a reason that is ours",
                metadata: ["route": "\(route.name.text)", "error": "\(String(describing: error).printable(limit: 300))"])
            return Answer(Problem(Refusal.broken)).retrying(after: Refusal.broken.retryAfter)
        }
    }

    /// What browsers ask before they POST (RFC 8555 section 6.1).
    private func preflight(_ route: Route) -> Answer {
        let methods = route.methods.map(\.rawValue).joined(separator: ", ")
        return Answer(
            .noContent,
            [
                "Allow": methods, "Access-Control-Allow-Methods": methods, "Access-Control-Allow-Headers": "Content-Type",
                "Access-Control-Max-Age": "86400",
            ])
    }

    /// What every answer carries; a nonce with everything that answers a POST, errors included (RFC 8555 section 6.5).
    private func dressed(_ bare: Answer, _ received: Received, _ route: Route?, _ id: String) -> Answer {
        var answer = bare
        if isEnding() { answer.closes = true }
        answer.headers.add(name: "X-Request-Id", value: id)
        answer.standing = route != .directory || answer.status.code >= 400 ? standing : standingWithoutIndex
        if let nonces, received.isPost || route == .newNonce {
            answer.headers.add(name: "Replay-Nonce", value: nonces.issue())
            answer.headers.add(name: "Cache-Control", value: "no-store")
        }
        let taken = NIODeadline.now() - received.arrived
        pages.measures.count(route?.name ?? .unknown, status: Int(answer.status.code), problem: answer.facts.problem, taken)
        log(answer, received, route, id, taken)
        return answer
    }

    /// One line per request. Nothing of a body, no nonce, no query.
    private func log(_ answer: Answer, _ received: Received, _ route: Route?, _ id: String, _ taken: TimeAmount) {
        guard logger.logLevel <= .info else { return }
        var metadata: Logger.Metadata = [
            "request": .string(id), "method": .string(received.method.rawValue.printable(limit: 16)),
            "route": .string((route?.name ?? .unknown).text), "status": .string(String(answer.status.code)),
            "us": .string(String(taken.nanoseconds / 1000)),
        ]
        if let peer = received.peer { metadata["peer"] = .string(peer) }
        if let proxy = received.proxy, proxy != received.peer { metadata["proxy"] = .string(proxy) }
        if let agent = received.headers.first(name: "User-Agent") { metadata["agent"] = .string(agent.printable(limit: 120)) }
        if route == nil { metadata["path"] = .string(String(received.path).printable(limit: 120)) }
        if let account = answer.facts.account { metadata["account"] = .string(account) }
        if let order = answer.facts.order { metadata["order"] = .string(order) }
        if let problem = answer.facts.problem { metadata["problem"] = .string(problem) }
        logger.info("request", metadata: metadata)
    }
}

/// Names of requests: unique among all processes, and cheap.
final class RequestIDs: Sendable {
    private let prefix: String
    private let last: Atomic<UInt64>

    /// - Parameter seed: 8 bytes of chance.
    init(seed: [UInt8]) {
        prefix = Base64URL.encode(seed) + "."
        last = Atomic(0)
    }

    func next() -> String { prefix + String(last.wrappingAdd(1, ordering: .relaxed).newValue, radix: 36) }
}
