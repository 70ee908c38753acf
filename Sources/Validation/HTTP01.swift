internal import ACME
internal import DNS

/// RFC 8555 section 8.3, with the redirect rules of the Baseline Requirements, section 3.2.2.4.19.
struct HTTP01: ChallengeValidator {
    static let type = ChallengeType.http01
    static let redirectLimit = 10
    /// 303 asks for another resource instead of this one, and the Baseline Requirements leave it out.
    static let redirects: Set = [301, 302, 307, 308]
    let reach: Reach

    func evidence(for attempt: Attempt) async throws(Problem) -> Evidence {
        let start = WebTarget(
            scheme: .http, host: .name(attempt.name), port: reach.http01Port, path: "/.well-known/acme-challenge/\(attempt.token)"
        )
        var target = start
        var seen: Set = [start]
        while true {
            let (address, answer) = try await reach.get(target)
            if Self.redirects.contains(answer.status) {
                target = try next(after: target, answer, from: address)
                guard seen.insert(target).inserted else {
                    throw Problem(
                        .connection, 400,
                        "The redirects from \(start) lead in a circle: \(target) came twice. Serve the key authorization there.")
                }
                guard seen.count <= Self.redirectLimit + 1 else {
                    throw Problem(.connection, 400, "More than \(Self.redirectLimit) redirects lead away from \(start).")
                }
                continue
            }
            try check(answer, against: attempt.keyAuthorization.text, from: "\(target) of \(address)", start)
            return Evidence(
                address: "\(address)", summary: "\(target) of \(address) holds the key authorization (status \(answer.status))")
        }
    }

    private func next(after target: WebTarget, _ answer: WebAnswer, from address: IPAddress) throws(Problem) -> WebTarget {
        let asked = "\(target) of \(address) answered \(answer.status)"
        guard let location = answer.location else { throw Problem(.connection, 400, "\(asked) without a Location.") }
        let next: WebTarget
        do {
            next = try target.following(location)
        } catch {
            throw Problem(
                .connection, 400,
                "\(asked), but the redirect to \(location.printable(limit: 200)) \(error.reason). Redirect to an http or https URL."
            )
        }
        guard reach.isWebPort(next.port) else {
            throw Problem(.connection, 400, "\(asked), but the redirect leads to port \(next.port). Redirect to port 80 or 443.")
        }
        return next
    }

    private func check(_ answer: WebAnswer, against expected: String, from place: String, _ start: WebTarget) throws(Problem) {
        let remedy = "Serve the key authorization at \(start)"
        guard (200..<300).contains(answer.status) else {
            throw Problem(.unauthorized, 403, "\(place) answered with status \(answer.status). \(remedy) with status 200.")
        }
        if let encoding = answer.encoding, encoding.lowercased() != "identity" {
            throw Problem(
                .incorrectResponse, 403,
                "\(place) sent an encoded body (\(encoding.printable(limit: 200))), which was not asked for. \(remedy) as it is.")
        }
        let body = answer.body.prefix((answer.body.lastIndex { !Self.isWhiteSpace($0) } ?? -1) + 1)
        guard !answer.isCut, body.elementsEqual(expected.utf8) else {
            let size = answer.isCut ? "more than \(ResponseReader.bodyLimit)" : "\(answer.body.count)"
            throw Problem(
                .incorrectResponse, 403,
                "\(place) answered with status \(answer.status) and \(size) bytes that are not the key authorization "
                    + "(\(expected.utf8.count) bytes: token, dot, thumbprint of the account key). \(remedy).")
        }
    }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
