/// What the web listeners need to know; all of it validated by whoever read it.
package struct WebSettings: Sendable {
    package struct Address: Sendable, Equatable {
        package var host: String
        /// 0: any free one.
        package var port: Int
        package init(host: String, port: Int) { (self.host, self.port) = (host, port) }
    }

    /// HTTPS: the ACME service and everything else.
    package var listen: Address
    /// Plain HTTP: revocation lists, issuer certificates and the root; never ACME.
    package var httpListen: Address?
    /// Plain HTTP: metrics, readiness and health, for a network of whoever watches. Nil: metrics are on the other listeners.
    package var monitoringListen: Address?
    /// Plain HTTP for the whole service, for trusted proxies that speak TLS with the clients.
    package var plainListen: Address?
    package var proxies = TrustedProxies()
    /// How clients reach the HTTPS listener, such as `https://ca.example:8443`. All URLs handed out begin with it, and it alone is what
    /// signed URLs are compared with, whatever Host a request names.
    package var externalURL: String
    /// Shown to people.
    package var name = "Chancery"
    package var termsOfService: String?
    package var website: String?
    package var caaIdentities: [String] = []
    package var limits = ConnectionLimits()
    /// Per listener. Further connections wait in the system's queue.
    package var maximumConnections = 4096
    /// Of one address that is no trusted proxy; more are closed as they come.
    package var maximumConnectionsPerAddress = 1024
    /// What may be worked on at a time.
    package var load = LoadLimits()

    package init(listen: Address, httpListen: Address?, externalURL: String) {
        (self.listen, self.httpListen, self.externalURL) = (listen, httpListen, externalURL)
    }
}
