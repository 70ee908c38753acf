internal import ACME
internal import Authority
internal import NIOHTTP1
internal import Store

/// RFC 8555 section 7.3.3: the page that a problem's `instance` names, where a person agrees to terms that have changed.
extension ACMESite {
    func terms(_ account: RecordID, _ token: String, isAgreed: Bool) async throws -> Answer {
        guard let terms = authority.terms(account, token: token) else { return .notFound() }
        let link = "<a href=\"\(terms.escapedForHTML)\" rel=\"noreferrer\">\(terms.escapedForHTML)</a>"
        let of = "<p>Account: <code>\(addresses[.account(account)].escapedForHTML)</code></p>"
        let body: String
        if isAgreed {
            try await authority.agreeToTerms(account, token: token)
            body = "<h1>Agreed</h1>\n\(of)\n<p>You agreed to \(link). The client can go on.</p>\n"
        } else {
            body = """
                <h1>The terms of service have changed</h1>
                \(of)
                <p>Read them at \(link). Until someone agrees, this account gets no new certificates.</p>
                <form method="post"><button>I agree</button></form>

                """
        }
        var answer = HTMLPage(title: "Terms of service", body: body).answer
        if !isAgreed { answer = answer.with("Cache-Control", "no-store") }
        answer.facts.account = account.text
        return answer
    }
}
