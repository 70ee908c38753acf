import ACME
import ACMEClient
import Testing

@testable import Agent

/// Every problem of a CA has a sentence that says what to change.
struct RemedyTests {
    @Test(arguments: ErrorType.allCases)
    func `every error of RFC 8555 has one`(type: ErrorType) {
        let sentence = Remedy.sentence(for: Problem(type, 400, "no"))
        #expect(sentence.map { $0.count > 15 && $0.hasSuffix(".") } == true)
        #expect(AgentError(.problem(Problem(type, 400, "no"), url: "https://ca.test")).remedy == sentence)
    }

    @Test func `every known text is in lower case, and none stands in the shadow of another`() {
        for entry in Remedy.texts {
            let text = entry.words.joined(separator: " ")
            #expect(text == text.lowercased())
            #expect(Remedy.sentence(for: Problem(.malformed, 400, text)) == entry.change, "\(text)")
        }
    }

    // As the CAs send them.
    @Test(
        arguments: [
            (
                .rateLimited,
                "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-28 10:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/",
                "the certificate that is there"
            ),
            (
                .rateLimited, "too many certificates (50) already issued for \"example.com\" in the last 168h0m0s",
                "fewer certificates"
            ),
            (.rateLimited, "too many failed authorizations (5) for \"a.example.com\" in the last 1h0m0s", "Mend the proof first"),
            (
                .rateLimited,
                "Your account is temporarily prevented from requesting certificates for a.example.com and possibly others. Please visit: https://portal.letsencrypt.org/sfe/v1/unpause?jwt=x",
                "unpaused"
            ),
            (
                .connection,
                "192.0.2.1: Fetching http://a.example.com/.well-known/acme-challenge/x: Timeout during connect (likely firewall problem)",
                "Open port 80"
            ),
            (.connection, "2001:db8::1: Fetching http://a.example.com/: Connection refused", "Nothing listens"),
            (.connection, "During secondary validation: 192.0.2.1: Fetching http://a.example.com/: Timeout", "several places"),
            (
                .dns, "DNS problem: NXDOMAIN looking up A for a.example.com - check that a DNS record exists for this domain",
                "does not exist"
            ),
            (
                .dns, "DNS problem: SERVFAIL looking up CAA for example.com - the domain's nameservers may be malfunctioning",
                "CAA records"
            ),
            (.dns, "DNS problem: looking up A for a.example.com: DNSSEC: Bogus", "DS record"),
            (.caa, "CAA record for example.com prevents issuance", "names this CA"),
            (
                .unauthorized, "192.0.2.1: Invalid response from http://a.example.com/.well-known/acme-challenge/x: 404",
                "--webroot"
            ),
            (.unauthorized, "The key authorization file from the server did not match this challenge", "Another program"),
            (.unauthorized, "Incorrect TXT record \"old\" found at _acme-challenge.a.example.com", "Old TXT records"),
            (.unauthorized, "No TXT record found at _acme-challenge.a.example.com", "every server of the zone"),
            (.tls, "Cannot negotiate ALPN protocol \"acme-tls/1\" for tls-alpn-01 challenge", "443"),
            (
                .rejectedIdentifier,
                "Error creating new order :: Cannot issue for \"a.internal\": Domain name does not end with a valid public suffix (TLD)",
                "CA of your own"
            ),
            (
                .rejectedIdentifier,
                "The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy",
                "Leave the name out"
            ),
            (
                .malformed, "Domain name \"www.example.com\" is redundant with a wildcard domain in the same request",
                "the wildcard covers it"
            ),
            (.invalidContact, "contact email has forbidden domain \"example.com\"", "A mail address that exists"),
            (.unauthorized, "The identifier has not been delegated to this account", "delegated"),
            (.externalAccountRequired, "EAB kId mismatch", "--store"),
        ] as [(ErrorType, String, String)])
    func `texts of known CAs say more than their type`(type: ErrorType, text: String, says: String) {
        let sentence = Remedy.sentence(for: Problem(type, 400, text)) ?? ""
        #expect(sentence.contains(says), "\(sentence)")
    }

    @Test func `what is inside a compound counts, an unknown type alone has no remedy, and no word of the CA's is repeated`() {
        let compound = Problem(
            .compound, 400, "several",
            subproblems: [Problem(.caa, 403, "CAA record for a.test prevents issuance", identifier: .dns("a.test"))])
        #expect(Remedy.sentence(for: compound) == Remedy.sentence(.caa))
        var unknown = Problem(.malformed, 400, "\u{1b}[31mrun rm -rf /")
        #expect(Remedy.sentence(for: unknown)?.contains("rm -rf") == false)
        unknown.type = "urn:example:odd"
        #expect(Remedy.sentence(for: unknown) == nil)
    }

    @Test func `a limit is about what the CA says`() {
        for (text, scope) in [
            ("too many new orders (300) from this account in the last 3h0m0s", .account),
            ("too many new registrations (10) from this IP address in the last 3h0m0s", .account),
            ("too many certificates (50) already issued for \"example.com\"", .domain),
            ("too many certificates (5) already issued for this exact set of identifiers", .names),
            ("too many failed authorizations (5) for \"a.test\"", .names), ("slow down", .unknown),
        ] as [(String, RateLimitScope)] { #expect(RateLimitScope(Problem(.rateLimited, 429, text)) == scope, "\(text)") }
    }
}
