import ACME
package import ACMEClient
import Foundation

/// Certificates kept valid on this host: all that the command `chancery` can do, without its words. Each method that changes
/// something takes the store's lock for its whole duration; each throws `AgentError`, whose `code` is the process's status.
package struct CertificateAgent: Sendable {
    package let store: StoreFolder
    /// Product and clocks; its trust roots are set for each CA.
    let configuration: ACMEClient.Configuration
    let tell: @Sendable (AgentEvent) -> Void
    /// How long to wait for another process that works on the store.
    let lockPatience: Duration
    /// From 0 up to 1, uniformly.
    let chance: @Sendable () -> Double
    let connect: @Sendable (String, ACMEClient.Configuration) throws(ACMEClientError) -> ACMEClient
    let clients = ClientCache()
    let authorizationRecords: AuthorizationRecords

    /// - Parameters:
    ///   - chance: from 0 up to 1, uniformly; for times that many machines must not share.
    ///   - resolvers: `ADDRESS` or `ADDRESS:PORT`, asked for CAA records; empty: the host's.
    ///   - tell: gets each step while it happens, from any thread.
    ///   - connect: makes the client for a directory's URL.
    package init(
        store: StoreFolder, configuration: ACMEClient.Configuration, lockPatience: Duration = .seconds(60),
        resolvers: [String] = [], chance: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
        tell: @escaping @Sendable (AgentEvent) -> Void,
        connect: @escaping @Sendable (String, ACMEClient.Configuration) throws(ACMEClientError) -> ACMEClient = {
            (directory, configuration) throws(ACMEClientError) in
            try ACMEClient(directory: directory, configuration: configuration)
        }
    ) {
        (self.store, self.configuration, self.tell, self.lockPatience, self.chance, self.connect) = (
            store, configuration, tell, lockPatience, chance, connect
        )
        authorizationRecords = AuthorizationRecords(resolvers)
    }

    // MARK: What the commands share

    func withLock<Value>(_ work: () async throws(AgentError) -> Value) async throws(AgentError) -> Value {
        var lock = try StoreLock.take(store)
        if lock == nil { tell(.waitingForLock) }
        let end = configuration.now().addingTimeInterval(lockPatience / .seconds(1))
        while lock == nil {
            guard configuration.now() < end else {
                throw .failed("Another chancery works on \(store.path). Try again when it is done.")
            }
            do { try await configuration.sleep(.milliseconds(500)) } catch { throw .failed("Cancelled.") }
            lock = try StoreLock.take(store)
        }
        defer { withExtendedLifetime(lock) {} }
        return try await work()
    }

    /// - Parameter root: a PEM file that is trusted for this CA, now and, once it has answered, in future.
    func open(_ ca: String, root: String? = nil) async throws(AgentError) -> (
        client: ACMEClient, directory: Directory, root: String?
    ) {
        var given: String?
        if let root { given = try Self.rootFile(root) }
        var trusted = given
        if trusted == nil { trusted = try store.root(ca) }
        let roots = trusted.map { [$0] } ?? []
        let client: ACMEClient
        do throws(ACMEClientError) { client = try self.client(ca, roots: roots) } catch { throw AgentError(error) }
        let directory: Directory
        do throws(ACMEClientError) { directory = try await client.directory() } catch {
            let other = AgentError(error)
            switch error {
            case .problem, .notACME:
                throw AgentError(
                    other.code,
                    "\(other.message)\(other.message.hasSuffix(".") ? "" : ".") Is this the URL of an ACME directory? chanceryd's ends in /acme/default/directory.",
                    problem: other.problem, blame: other.blame)
            default: throw other
            }
        }
        tell(
            .directoryRead(
                ca: ca, bindingRequired: directory.meta?.externalAccountRequired ?? false, terms: directory.meta?.termsOfService))
        return (client, directory, given)
    }

    /// The text of a file that was named with `--ca-root`.
    static func rootFile(_ path: String) throws(AgentError) -> String {
        guard let bytes = try Files.read(path) else { throw .needsPerson("The file \(path) of --ca-root is not there.") }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("-----BEGIN CERTIFICATE-----") else {
            throw .needsPerson("The file \(path) of --ca-root holds no PEM certificate.")
        }
        return text
    }

    /// The account that is kept for a CA, ready to sign; a roll-over that was interrupted is settled first.
    /// - Throws: `needsPerson` if there is none.
    func storedAccount(_ ca: String, client: ACMEClient) async throws(AgentError) -> ACMEAccount {
        guard let record = try store.accountRecord(ca), let key = try store.accountKey(ca) else {
            throw .needsPerson("There is no account at \(ca). `chancery issue --ca \(ca)` makes one.")
        }
        guard record.deactivated == nil else {
            throw .needsPerson("The account at \(ca) was deactivated. `chancery issue --ca \(ca)` makes a new one.")
        }
        if let next = try store.accountKey(ca, .next) {
            // The process ended during a roll-over: the CA knows which key holds.
            let found = try await asking { () async throws(ACMEClientError) in try await client.findAccount(next) }
            if let found {
                try store.adoptNextKey(ca)
                return found.account
            }
            store.dropNextKey(ca)
        }
        if let url = record.url { return try await asking { () throws(ACMEClientError) in try client.account(key, url: url) } }
        guard let found = try await asking({ () async throws(ACMEClientError) in try await client.findAccount(key) }) else {
            throw .needsPerson("The account at \(ca) was never registered. `chancery issue --ca \(ca)` does that.")
        }
        var known = record
        known.url = found.account.url
        try store.save(known)
        return found.account
    }

    /// The name below `live` for what a person typed: `*.example.com` and `example.com` are the same folder.
    func liveName(_ typed: String) throws(AgentError) -> String {
        do { return Lineage.name(for: try DomainName.ascii(typed)) } catch {
            throw .needsPerson("\(typed.sanitized) is no name of a certificate: \(error.reason)")
        }
    }

    /// The lineage that a person means.
    func existing(_ typed: String) throws(AgentError) -> Lineage {
        let name = try liveName(typed)
        guard let lineage = try store.lineage(name) else {
            throw .needsPerson("There is no certificate \(name) in \(store.path). `chancery list` shows those that are.")
        }
        return lineage
    }
}
