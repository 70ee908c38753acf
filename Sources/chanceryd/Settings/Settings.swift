import Foundation
import Logging

/// Everything an operator can choose, validated. What each value means, its range and unit stand in `Setting.all`;
/// the defaults stand here and nowhere else.
struct Settings: Sendable, Equatable {
    var listen = Endpoint(host: "*", port: 8443)
    var httpListen = Endpoint(host: "*", port: 8080)
    /// nil: metrics are on both.
    var metricsListen: Endpoint?
    /// nil: no plain HTTP for proxies.
    var plainListen: Endpoint?
    var trustedProxies: [String] = []
    var forwardedHeader = ForwardedHeader.off
    var proxyProtocol = Switch.off
    var maximumConnections = 8192
    var connectionsPerAddress = 1000
    /// nil: made from the listener's address and bound port (`Addresses`).
    var externalURL: String?
    var httpExternalURL: String?
    var names: [String] = []
    var tlsCertificate: String?
    var tlsKey: String?

    var http01Port = 80
    var tlsALPN01Port = 443
    var resolvers: [String] = []
    var allowedAddresses: [String] = []
    var validationAttempts = 3
    var validationDeadline = 20

    var authorityName = "Chancery"
    var organisation: String?
    var certificateLifetime = 45 * 86_400
    var backdate = 60
    var orderLifetime = 7 * 86_400
    var authorizationLifetime = 30 * 86_400
    var maximumNames = 100
    var crlLifetime = 7 * 86_400
    var termsOfService: String?
    var website: String?
    var caaIdentities: [String] = []

    /// nil: `chancery.sqlite` in the data folder.
    var database: String?
    var databasePasswordFile: String?

    var passphraseFile: String?
    var passphraseEnvironment: String?
    var passphraseCredential: String?
    var intermediatePassphrase: String?

    var logFormat = LogFormat.text
    var logLevel = Logger.Level.info
    var tracing = TracingBackend.off
    var drain = 30
    var drainDelay = 0
}

enum LogFormat: String, CaseIterable, Sendable { case text, json }
/// Where trusted proxies name their clients: nowhere, RFC 7239, or `X-Forwarded-For`.
enum ForwardedHeader: String, CaseIterable, Sendable {
    case off, forwarded
    case xForwarded = "x-forwarded"
}
enum Switch: String, CaseIterable, Sendable { case off, on }
enum TracingBackend: String, CaseIterable, Sendable { case off, log }
