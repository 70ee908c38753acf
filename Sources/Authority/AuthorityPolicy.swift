package import ACME

/// Who may have what, for how long. Durations of certificates in whole seconds.
package struct AuthorityPolicy: Sendable {
    /// `notAfter - notBefore + 1 s` of a certificate, RFC 5280 section 4.1.2.5 counting both ends.
    package var certificateLifetime: Duration = .seconds(45 * 86_400)
    /// How long before now a certificate begins when the order does not say, for clients whose clocks are behind.
    package var backdate: Duration = .seconds(60)
    /// How long before now an order may ask its certificate to begin.
    package var earliestNotBefore: Duration = .seconds(3_600)
    /// How long after now an order may ask its certificate to begin; no certificate is signed long before it is valid (BR 7.1.2.7.2).
    package var latestNotBefore: Duration = .seconds(60)
    /// How old the beginning may be when the certificate is signed; an order that asks for a beginning expires then.
    package var oldestNotBefore: Duration = .seconds(47 * 3_600)
    /// Until an order, and the authorizations made with it, must be finished.
    package var orderLifetime: Duration = .seconds(7 * 86_400)
    /// How long a proof of control counts.
    package var authorizationLifetime: Duration = .seconds(30 * 86_400)
    package var maximumNames = 100
    package var maximumContacts = 10
    /// Required of new accounts when set; published in the directory.
    package var termsOfService: String?
    /// The subtrees in which names may be certified: `corp.example` permits itself and everything below. Nil permits every name that the
    /// issuer's name constraints do.
    package var permittedNames: [String]?
    /// Challenges offered for a name; a wildcard gets dns-01 only.
    package var challenges: [ChallengeType] = [.http01, .dns01, .tlsALPN01]
    /// Waits between the queries of one challenge: its count plus one is how often a target is asked (RFC 8555 section 8.2).
    package var validationDelays: [Duration] = [.seconds(3), .seconds(10)]
    /// How many targets are asked at the same time.
    package var validationConcurrency = 64
    /// How long a duty belongs to who took it; more than one query with its deadline and the longest wait.
    package var lease: Duration = .seconds(60)
    /// How long a request that looks at a challenge is held while its target is being asked, so that it can say how that ended.
    package var queryWait: Duration = .seconds(1)
    /// How many such requests are held at a time; more are answered at once.
    package var heldLooks = 1_000
    /// How long a finalize request is held for its certificate before it is answered with `processing`.
    package var issuanceWait: Duration = .seconds(5)
    /// From thisUpdate to nextUpdate; a new list is signed at half of it.
    package var revocationListLifetime: Duration = .seconds(7 * 86_400)
    /// How long revocations gather before a list is signed.
    package var revocationDebounce: Duration = .seconds(1)
    /// How far the clock may stand before the latest instant on record and still sign.
    package var clockTolerance: Duration = .seconds(120)

    package init() {}

    /// RFC 8555 section 8.2: the first query and one after each delay.
    package var validationAttempts: Int { validationDelays.count + 1 }

    /// The issuer's own name constraints, which hold beside `permittedNames`.
    var issuerConstraints: [String]?

    func permits(_ name: DomainName) -> Bool {
        [permittedNames, issuerConstraints].allSatisfy { subtrees in
            guard let subtrees else { return true }
            return subtrees.contains { subtree in
                let subtree = subtree.lowercased()
                return name.base == subtree || name.base.hasSuffix("." + subtree)
            }
        }
    }
}

extension Duration {
    /// Seconds with their fraction, to add to a `Date`.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
