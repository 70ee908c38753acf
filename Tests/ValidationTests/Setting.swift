import ACME
import DNS
import NIOPosix
import TestSupport
import Testing

@testable import Validation

/// Names, a policy and a validator over them. The key authorization is the worked example of specs.md section 4.7.
struct Setting {
    static let token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
    static let thumbprint = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
    static let proof = "\(token).\(thumbprint)"
    static let path = "/.well-known/acme-challenge/\(token)"
    static let v4: [UInt8] = [127, 0, 0, 1]
    static let v6: [UInt8] = Array(repeating: 0, count: 15) + [1]
    static let loopback = ["127.0.0.0/8", "::1"]

    let nameServer: NameServer
    let reach: Reach

    init(
        port: Int, allowed: [String] = loopback, own: [String] = [], deadline: Duration = .seconds(20),
        names: @escaping @Sendable (NameServer.Question) -> NameServer.Reply = { _ in .records([.a(v4)]) }
    ) throws {
        nameServer = NameServer(names)
        reach = Reach(
            resolver: try Resolver(servers: [nameServer.address]), policy: try AddressPolicy(allowed: allowed, own: own),
            http01Port: port,
            tlsALPN01Port: port, deadline: deadline, group: MultiThreadedEventLoopGroup.singleton)
    }

    func validate(_ type: ChallengeType = .http01, _ name: String = "a.test") async -> Result<Evidence, Problem> {
        await Validator(reach).validate(Attempt(type: type, name: name, token: Self.token, thumbprint: Self.thumbprint))
    }

    func problem(_ type: ChallengeType = .http01, _ name: String = "a.test", at location: SourceLocation = #_sourceLocation)
        async throws -> Problem
    {
        switch await validate(type, name) {
        case .failure(let problem): return problem
        case .success(let evidence):
            Issue.record("validated: \(evidence.summary)", sourceLocation: location)
            throw CancellationError()
        }
    }

    static func ok(_ body: String) -> String { "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)" }
    static func redirect(_ location: String, _ status: Int = 302) -> String {
        "HTTP/1.1 \(status) Moved\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n"
    }
}

extension Problem {
    func says(_ text: String) -> Bool { detail?.contains(text) ?? false }
}
