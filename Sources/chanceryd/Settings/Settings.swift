import Foundation
import Logging

/// Everything an operator can choose, validated. What each value means, its range and unit stand in `Setting.all`;
/// the defaults stand here and nowhere else.
struct Settings: Sendable, Equatable {
    var listen = Endpoint(host: "*", port: 8443)
    var httpListen = Endpoint(host: "*", port: 8080)
    /// nil: metrics are on both.
    var metricsListen: Endpoint?
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
enum TracingBackend: String, CaseIterable, Sendable { case off, log }
