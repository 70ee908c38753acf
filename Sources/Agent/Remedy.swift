import ACME
import ACMEClient
import Foundation

/// What a person can change after a CA refused, for every error of RFC 8555 section 6.7 and for texts that CAs are known to send.
/// A CA's text never comes into it: what it says beside this is shown as its own words.
enum Remedy {
    /// - Returns: nil only for a type that nobody knows with a text that nobody knows.
    static func sentence(for problem: Problem) -> String? {
        let parts = [problem] + (problem.subproblems ?? []).prefix(20)
        let text = parts.compactMap(\.detail).joined(separator: "\n").lowercased()
        if let known = texts.first(where: { $0.words.allSatisfy(text.contains) }) { return known.change }
        // What is inside says more than that there is something inside.
        let types = parts.compactMap(\.errorType)
        return (types.first { $0 != .compound } ?? types.first).map(sentence)
    }

    /// No `default`: a new error must be answered here to compile.
    static func sentence(_ type: ErrorType) -> String {
        switch type {
        case .accountDoesNotExist:
            "Register again with `chancery account register --ca NAME`; if the CA was put back from a backup, the next renewal does it."
        case .alreadyReplaced: "Nothing: the order is made without naming what it replaces."
        case .alreadyRevoked: "Nothing: the certificate is revoked already."
        case .badCSR:
            "Another key type (`chancery issue --key-type`), fewer names, or names without those that the CA does not take."
        case .badNonce:
            "Try again. If it stays, something between here and the CA keeps or repeats answers: a caching proxy, or a load balancer over several CAs."
        case .badPublicKey: "Another key type: `chancery issue --key-type p256`, or rsa2048 for CAs that know no elliptic curves."
        case .badRevocationReason: "Another reason: 0, 1, 3, 4 or 5 are taken everywhere (`chancery revoke --reason`)."
        case .badSignatureAlgorithm: "An account key of another kind: `chancery account rollover`, or a CA that takes ES256."
        case .caa:
            "A CAA record that names this CA (`example.com. CAA 0 issue \"its-domain\"`), or none at all, at the name or above it; or a CA that the record names."
        case .compound: "What is said of each name."
        case .connection:
            "Let the CA reach the name: its A and AAAA records must lead to this host, and port 80 (http-01) or 443 (tls-alpn-01) must be open to the whole Internet. `chancery doctor NAME` looks."
        case .dns: "The name's records: `chancery doctor NAME` asks all of its servers."
        case .externalAccountRequired:
            "Get a key identifier and a MAC key from the CA, and give them with --eab-kid and --eab-hmac-key-file."
        case .incorrectResponse:
            "What answers for the name must be this host: another web server, a proxy or a CDN in front, or old TXT records answer in its place. `chancery doctor NAME` shows the way that the CA goes."
        case .invalidContact, .unsupportedContact:
            "A mail address that exists: `chancery account update -m you@example.com`, or --no-email."
        case .malformed: "Update chancery. If that does not help, report it with this text, or use another CA."
        case .orderNotReady: "Try again in a minute: the CA was not done with the order."
        case .rateLimited:
            "Wait until the time that is named; meanwhile another CA can serve: `chancery ca order`. `chancery ca show NAME` says what is left of its limits."
        case .rejectedIdentifier:
            "Leave out the name that the CA does not certify, or take another CA. Internal names need a CA of your own."
        case .serverInternal:
            "Nothing here: the CA failed. It is tried again; another CA can serve meanwhile: `chancery ca order`."
        case .tls:
            "For tls-alpn-01, port 443 of the name must lead to this host without a proxy that ends TLS, and know the protocol acme-tls/1."
        case .unauthorized:
            "The proof was not found where the CA looked, or the account may not do this: `chancery doctor NAME` shows the way that the CA goes, `chancery ca test NAME` the account."
        case .unsupportedIdentifier: "Leave out names of this kind (such as IP addresses), or take a CA that certifies them."
        case .userActionRequired: "Visit the page that is named, do what it asks, and try again."
        }
    }

    /// Texts that say more than their type, lower case; the first that has all words counts.
    static let texts: [(words: [String], change: String)] = [
        // Let's Encrypt (Boulder): limits
        (
            ["temporarily prevented from requesting"],
            "Mend what makes this name fail, since it failed a thousand times in a row, then visit the page that is named to have it unpaused."
        ),
        (
            ["too many failed authorizations"],
            "Mend the proof first (`chancery doctor NAME`): each attempt counts. An hour without failures frees it again."
        ),
        (
            ["exact set of"],
            "Use the certificate that is there: the same names were certified five times within a week. One more name in the set, or another CA, is no duplicate."
        ),
        (
            ["too many certificates"],
            "Put more names into fewer certificates, wait until the time that is named, or use another CA: the limit is of the whole registered domain."
        ),
        (
            ["too many new orders"],
            "Wait until the time that is named: the limit is of the account. Renewals go on by themselves."
        ),
        (
            ["too many new registrations"],
            "Use the account that is there on another machine, or wait: too many accounts were made from this address."
        ),
        (
            ["service busy"],
            "Nothing here: the CA is overloaded. It is tried again; another CA can serve meanwhile: `chancery ca order`."
        ),
        // Boulder: names
        (["policy forbids issuing for"], "Leave the name out, or take another CA: this one does not certify it."),
        (["forbidden by policy"], "Leave the name out, or take another CA: this one does not certify it."),
        (
            ["does not end with a valid public suffix"],
            "A name below a public domain; for internal names use a CA of your own: `chancery ca add`."
        ),
        (["redundant with a wildcard"], "Leave the name out: the wildcard covers it."),
        (
            ["wildcard"],
            "Wildcards are proved by the DNS alone: --dns-hook PROGRAM; and not every CA certifies them (`chancery ca list`)."
        ),
        // Boulder: DNS
        (
            ["dnssec"],
            "The zone's DNSSEC: its signatures do not hold, mostly since the DS record at the parent is of an old key. `chancery doctor NAME` shows it."
        ),
        (
            ["caa", "servfail"],
            "The name servers: they must answer questions for CAA records, with nothing at least, and not with SERVFAIL."
        ),
        (
            ["caa", "timed out"],
            "The name servers: they must answer questions for CAA records, and a firewall must let them through."
        ),
        (
            ["nxdomain"],
            "Make an A or AAAA record (for dns-01 a TXT record at _acme-challenge) at every server of the zone: the name does not exist."
        ),
        (["no valid ip addresses"], "Make an A or AAAA record for the name, at every server of the zone."),
        (
            ["query timed out"],
            "The name servers must answer from everywhere: look at their firewall, and at servers that are named and dead."
        ),
        (["servfail"], "The name servers: at least one fails. `chancery doctor NAME` asks each."),
        (
            ["no txt record found"],
            "The TXT record must be at every server of the zone before the CA looks: let the program end only then, and look whether it writes to the right zone."
        ),
        (
            ["incorrect txt record"],
            "Old TXT records at _acme-challenge: remove them, and let the program add its record beside others instead of replacing them."
        ),
        // Boulder: connections
        (
            ["likely firewall problem"],
            "Open port 80 (443 for tls-alpn-01) for the whole Internet in every firewall on the way, for IPv6 too if there is an AAAA record."
        ),
        (
            ["connection refused"],
            "Nothing listens at the address that the name leads to: start the web server, or correct the A and AAAA records."
        ),
        (["no route to host"], "The A or AAAA record leads to an address that cannot be reached: correct it."),
        (["network unreachable"], "The AAAA record leads to an address that cannot be reached: correct or remove it."),
        (
            ["secondary validation"],
            "The CA looks from several places in the world: let all countries and networks reach the name and its name servers (geo-blocking, fail2ban, anycast)."
        ),
        (
            ["redirect loop"],
            "The redirects for /.well-known/acme-challenge/: they go in a circle. Answer that path without redirecting."
        ),
        (["too many redirects"], "Answer /.well-known/acme-challenge/ without redirecting, or with fewer steps."),
        (["invalid port in redirect"], "Redirects may lead to ports 80 and 443 alone."),
        (["invalid hostname in redirect"], "Redirects must lead to a name, not to an address."),
        (
            ["the key authorization file from the server did not match"],
            "Another program answers for the challenge: another ACME client, or a rule of the web server."
        ),
        (
            ["invalid response from", "404"],
            "The web server does not serve the folder of --webroot at /.well-known/acme-challenge/: correct the folder or the server's rule."
        ),
        (
            ["invalid response from", "403"],
            "The web server forbids /.well-known/acme-challenge/: allow it, also to user agents that are no browsers."
        ),
        (
            ["invalid response from"],
            "What answers for the name must be this host: another web server, a proxy or a CDN in front answers in its place."
        ),
        (
            ["cannot negotiate alpn"],
            "Port 443 must lead to chancery while it proves (--tls-alpn), with nothing in front that ends TLS."
        ),
        // Accounts
        (
            ["eab", "mismatch"],
            "One account for each binding: this directory has an account of another key identifier here. Use a store of its own (--store) for the second."
        ),
        (["external account", "not valid"], "A new binding from the CA: those of some serve once, and expire within days."),
        (["key id", "not found"], "A new binding from the CA, or its key identifier without spaces and quotes (--eab-kid)."),
        (
            ["account is not valid"],
            "`chancery account deactivate`, then `chancery account register`: the CA closed this account."
        ),
        (
            ["account deactivated"],
            "`chancery account deactivate` puts it aside here, then `chancery account register` makes another."
        ),
        (["forbidden domain"], "A mail address that exists, not one at example.com: `chancery account update -m`."),
        (["invalid contact domain"], "A mail address at a domain that receives mail: `chancery account update -m`."),
        (["terms of service"], "Read the CA's terms, and agree with --agree-tos."),
        // Sectigo, DigiCert and others with domains that are validated beforehand
        (
            ["has not been delegated"],
            "Have the domain delegated and validated in the CA's own console first: this account may not issue for it."
        ),
        (["domain is not validated"], "Validate the domain in the CA's own console first."),
        // Google
        (
            ["extended key usage"],
            "A request without extended key usage, as chancery makes it; look for what changes it on the way."
        ),
        // Buypass, Let's Encrypt
        (["no longer issu"], "Another CA: `chancery ca list`. This one gives out no certificates of this kind any more."),
        (["key", "debian weak"], "A key made anew on a machine that is up to date."),
    ]
}

extension AgentError {
    /// What to change, where a CA refused. Without a word of the CA's.
    package var remedy: String? { problem.flatMap(Remedy.sentence) }
}
