import ACME
import ACMEClient
import Agent
import Foundation
import TestSupport
import Testing

/// What one CA does, and how the agent must end.
struct Misdeed: Sendable, CustomTestStringConvertible {
    let title: String
    let code: ExitCode
    let faults: FakeCA.Faults
    var testDescription: String { title }

    init(_ title: String, _ code: ExitCode, _ change: (inout FakeCA.Faults) -> Void) {
        (self.title, self.code) = (title, code)
        var faults = FakeCA.Faults()
        change(&faults)
        self.faults = faults
    }

    /// Replaces text in the bodies of answers to paths with this prefix.
    static func body(_ title: String, _ code: ExitCode, _ path: String, _ old: String, _ new: String) -> Misdeed {
        Misdeed(title, code) { faults in
            faults.tamper = { asked, answer in
                guard asked.hasPrefix(path) else { return }
                let text = String(decoding: answer.body, as: UTF8.self).replacingOccurrences(of: old, with: new)
                answer.body = Array(text.utf8)
            }
        }
    }

    static func whole(
        _ title: String, _ code: ExitCode, _ path: String, _ status: Int, _ body: String,
        _ headers: [(name: String, value: String)] = []
    )
        -> Misdeed
    {
        Misdeed(title, code) { faults in
            faults.tamper = { asked, answer in
                guard asked.hasPrefix(path) else { return }
                let nonce = answer.headers.filter { $0.name == "Replay-Nonce" }
                answer = WireAnswer(status: status, headers: headers + nonce, body: Array(body.utf8))
            }
        }
    }

    static func token(_ token: String) -> Misdeed { Misdeed("token \(token.debugDescription)", .failed) { $0.token = token } }

    static let all: [Misdeed] = [
        whole("directory is a web page", .failed, "/dir", 200, "<html>hello</html>"),
        whole("directory is an empty object", .failed, "/dir", 200, "{}"),
        whole(
            "directory has a member twice", .failed, "/dir", 200,
            #"{"newNonce":"https://ca.test/n","newNonce":"https://ca.test/n"}"#),
        whole("directory nests 1,000 deep", .failed, "/dir", 200, String(repeating: "[", count: 1000)),
        whole("directory moved to http", .needsPerson, "/dir", 302, "", [("Location", "http://ca.test/dir")]),
        whole("directory moved to a file", .needsPerson, "/dir", 302, "", [("Location", "file:///etc/passwd")]),
        whole("directory moves for ever", .failed, "/dir", 302, "", [("Location", "https://ca.test/dir")]),
        body("http URL in the directory", .needsPerson, "/dir", "https://ca.test/order", "http://ca.test/order"),
        body("URL with user and password", .needsPerson, "/dir", "https://ca.test/order", "https://u:p@ca.test/order"),
        body("URL with a line end", .needsPerson, "/dir", "https://ca.test/order", "https://ca.test/\\norder"),
        whole("account without URL", .failed, "/acct", 201, #"{"status":"valid"}"#),
        whole("account at an http URL", .needsPerson, "/acct", 201, "{}", [("Location", "http://ca.test/account/1")]),
        whole("account refused by a web page", .failed, "/acct", 502, "<h1>Bad Gateway</h1>"),
        whole(
            "order at an http URL", .needsPerson, "/order", 201,
            #"{"status":"pending","identifiers":[{"type":"dns","value":"a.test"}],"authorizations":[],"finalize":"https://ca.test/f/1"}"#,
            [("Location", "http://x.test/")]),
        body("order for another name", .failed, "/order", "a.test", "b.test"),
        body("order of an unknown status", .failed, "/order", "pending", "dreaming"),
        body("order without identifiers", .failed, "/order", #""identifiers""#, #""identities""#),
        body("authorization at an http URL", .needsPerson, "/order", "https://ca.test/a", "http://ca.test/a"),
        body("finalize at an http URL", .needsPerson, "/o", "https://ca.test/f", "http://ca.test/f"),
        body("authorization for another name", .failed, "/a/", "a.test", "evil.test"),
        body("authorization refused already", .failed, "/a/", "pending", "revoked"),
        body("challenge at an http URL", .needsPerson, "/a/", "https://ca.test/c", "http://ca.test/c"),
        Misdeed("no challenge that is known here", .needsPerson) { $0.challengeTypes = ["quantum-01"] },
        token("../../../etc/cron.d/x"), token("<script>"), token("abc="), token(""), token("a b"), token("$(reboot)"),
        token(String(repeating: "a", count: 300)), token("a%2f..%2fb"), token("a/b"),
        Misdeed("authorization pending for ever", .failed) { $0.authorizationsStayPending = true },
        Misdeed("order processing for ever", .failed) { $0.ordersStayProcessing = true },
        body("order changes its names under way", .failed, "/o/", "a.test", "b.test"),
        body("order changes its authorizations under way", .failed, "/o/", "ca.test/a/", "ca.test/z/"),
        body("order becomes invalid", .failed, "/f/", #""status":"valid""#, #""status":"invalid""#),
        body("valid order without certificate", .failed, "/f/", #""certificate""#, #""certificates""#),
        body("certificate at an http URL", .needsPerson, "/f/", "https://ca.test/cert", "http://ca.test/cert"),
        Misdeed("certificate for another key", .failed) { $0.otherKey = true },
        Misdeed("certificate for other names", .failed) { $0.names = { _ in ["evil.test"] } },
        Misdeed("certificate that expired", .failed) { $0.shift = -86_400 * 10 },
        Misdeed("certificate that is not valid yet", .failed) { $0.shift = 86_400 * 10 },
        Misdeed("private key in the chain", .failed) { $0.pem = { $0 + SigningKey(.p256).pem } },
        Misdeed("text in the chain", .failed) { $0.pem = { "#!/bin/sh\n" + $0 } },
        Misdeed("chain without certificates", .failed) { $0.pem = { _ in "" } },
        Misdeed("chain that stops half-way", .failed) { $0.pem = { String($0.dropLast(40)) } },
        Misdeed("chain of garbage", .failed) {
            $0.pem = { _ in "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
        },
        Misdeed("chain of 1,000", .failed) { $0.pem = { String(repeating: $0, count: 500) } },
        Misdeed("chain that does not hold together", .failed) {
            $0.pem = {
                let leaf = $0.components(separatedBy: "-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n";
                return leaf + leaf
            }
        },
        Misdeed("chain that begins with the root", .failed) {
            $0.pem = { String($0.components(separatedBy: "-----END CERTIFICATE-----\n")[1]) + "-----END CERTIFICATE-----\n" }
        },
        whole("badNonce for ever", .failed, "/acct", 400, #"{"type":"urn:ietf:params:acme:error:badNonce"}"#),
        Misdeed("nonces that are none", .failed) { faults in
            faults.tamper = { _, answer in
                answer.headers = answer.headers.map { $0.name == "Replay-Nonce" ? ($0.name, "a b=") : $0 }
            }
        },
        whole(
            "rate limit for ten years", .wait, "/order", 429, #"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"no"}"#,
            [("Retry-After", "315360000")]),
        whole(
            "rate limit with a date", .wait, "/order", 429, #"{"type":"urn:ietf:params:acme:error:rateLimited"}"#,
            [("Retry-After", "Sun, 06 Nov 2094 08:49:37 GMT")]),
        whole("unavailable for ever", .wait, "/order", 503, "busy"),
        whole(
            "poll in ten years", .wait, "/f/", 200,
            #"{"status":"processing","identifiers":[{"type":"dns","value":"a.test"}],"authorizations":["https://ca.test/a/1/0"],"finalize":"https://ca.test/f/1"}"#,
            [("Retry-After", "315360000")]),
        whole(
            "rejected name", .needsPerson, "/order", 400,
            #"{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"\u001b[31mno\u001b[0m \u202e"}"#),
        whole(
            "terms that changed", .needsPerson, "/order", 403,
            #"{"type":"urn:ietf:params:acme:error:userActionRequired","detail":"agree","instance":"https://ca.test/agree"}"#),
    ]
}

struct HostileCATests {
    @Test(arguments: Misdeed.all)
    func `C-11.4-2 whatever a CA does, nothing is installed, nothing is left behind, and a sentence says why`(misdeed: Misdeed)
        async throws
    {
        let folder = try TemporaryFolder()
        let webroot = folder.path("www")
        try FileManager.default.createDirectory(atPath: webroot, withIntermediateDirectories: true)
        let ca = try await FakeCA(SimulatedTime(), misdeed.faults)
        var request = IssueRequest(names: ["a.test"])
        (request.ca, request.method, request.preflight) = (ca.directory, .webroot(webroot), false)
        do {
            let outcome = try await ca.agent(folder.path("store")).issue(request)
            Issue.record("ended with \(outcome)")
        } catch {
            #expect(error.code == misdeed.code, "\(error.message)")
            #expect(!error.message.isEmpty)
            #expect(
                error.message.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control },
                "\(error.message.debugDescription)")
            #expect(!error.message.contains("\u{202e}"))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("store/live/a.test")))
        let left = (try? FileManager.default.contentsOfDirectory(atPath: "\(webroot)/.well-known/acme-challenge")) ?? []
        #expect(left == [])
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)).isSubset(of: ["www", "store"]))
        #expect(ca.requests.count < 200, "endless asking")
    }
}
