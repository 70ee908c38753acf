import ACME
import ACMEClient
import Foundation

/// How one server takes a new certificate: its own checker, its own way to reload, and where it shows what it serves. Most servers
/// read `served/NAME` in the store by themselves; those that cannot get copies.
struct Installer: Sendable, Equatable {
    /// A file for a program that cannot read the store, or wants another form.
    struct Copy: Sendable, Equatable {
        enum Content: Sendable, Equatable {
            case key, certificate, chain, fullchain, combined
            /// Key and chain as Java and Windows take them, under the password that is a file's first line.
            case pkcs12(passwordFile: String)
        }
        var content: Content
        /// Absolute.
        var path: String
        /// Of a file that is not there yet; one that is keeps its own, owner and group too.
        var mode: UInt32
        var owner: String?
    }

    var copies: [Copy] = []
    /// Program and arguments; ends with 0 if the configuration with the new files is right.
    var check: [String]?
    /// Program and arguments.
    var reload: [String]?
    var greeting = Greeting.none
    /// Where the server listens, unless told otherwise; nil: it shows its certificate nowhere.
    var port: Int?

    /// The usual two copies: the chain as `NAME.crt`, then its key as `NAME.key`, which its owner alone reads.
    static func pair(in folder: String, named name: String = "server", owner: String) -> [Copy] {
        [
            Copy(content: .fullchain, path: "\(folder)/\(name).crt", mode: 0o644, owner: owner),
            Copy(content: .key, path: "\(folder)/\(name).key", mode: 0o600, owner: owner),
        ]
    }
}

/// A kind of server: one file, and one line in `InstallerKind.all`.
struct InstallerKind: Sendable {
    /// What `--install` begins with.
    let name: String
    /// Options that it takes, beside `verify`, each with words for a person.
    let options: [String: String]
    let make: @Sendable (_ options: [String: String]) throws(AgentError) -> Installer

    static let all: [InstallerKind] = [
        .nginx, .apache, .haproxy, .caddy, .postfix, .dovecot, .postgresql, .mariadb, .redis, .slapd, .mosquitto, .prosody, .cups,
        .cockpit,
        .webmin, .files, .exec,
    ]
}

/// What was asked for with `--install`: `nginx`, or `haproxy:config=/etc/haproxy/haproxy.cfg,verify=:8443`.
package struct InstallTarget: Sendable, Equatable {
    package let text: String
    let kind: String
    let installer: Installer
    /// From `verify`; nil: each address of each name, at the installer's port. Empty after `verify=none`.
    let places: [Place]?

    struct Place: Sendable, Equatable {
        /// Nil for every address of the name.
        let address: String?
        let port: Int
    }

    /// What a text may begin with.
    package static var kinds: [String] { InstallerKind.all.map(\.name) }

    /// - Throws: `needsPerson` for what is no such text, naming what would be.
    package init(_ text: String) throws(AgentError) {
        let head = text.prefix { $0 != ":" }
        guard let kind = InstallerKind.all.first(where: { $0.name == head }) else {
            throw .needsPerson(
                "\(String(head).sanitized) is nothing that chancery installs to. Known: \(Self.kinds.joined(separator: ", ")).")
        }
        var options: [String: String] = [:]
        for part in text.dropFirst(head.count + 1).split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, kind.options[pair[0]] != nil || pair[0] == "verify", !pair[1].isEmpty else {
                let known = (kind.options.keys.sorted() + ["verify"]).joined(separator: ", ")
                throw .needsPerson(
                    "\(kind.name) takes no option like \(String(part).sanitized). Known: \(known), each as NAME=VALUE.")
            }
            // Several places may be verified.
            options[pair[0]] = pair[0] == "verify" ? options["verify"].map { "\($0) \(pair[1])" } ?? pair[1] : pair[1]
        }
        if let verify = options.removeValue(forKey: "verify") {
            var places: [Place] = []
            if verify != "none" {
                for word in verify.split(separator: " ") {
                    let place = try Endpoint.parse(String(word))
                    places.append(Place(address: place.address, port: place.port))
                }
            }
            self.places = places
        } else {
            places = nil
        }
        (self.text, self.kind, installer) = (text, kind.name, try kind.make(options))
    }

    /// Whether its server is one that shows its certificate, and nobody said `verify=none`.
    var showsItself: Bool { places.map { !$0.isEmpty } ?? (installer.port != nil) }

    func isSeenNowhere(_ names: [String]) -> String {
        "\(kind) could not be looked at, since this host knows no address of \(names.joined(separator: ", ").sanitized). Say verify=ADDRESS:PORT, or verify=none."
    }

    /// Where the new certificate must be seen.
    /// - Parameter names: of the certificate. Wildcards are asked for, by one of the names that they stand for, only where there is nothing else.
    func endpoints(_ names: [String]) async -> [Endpoint] {
        let places = places ?? installer.port.map { [Place(address: nil, port: $0)] } ?? []
        var found: [Endpoint] = []
        let plain = names.filter { !$0.hasPrefix("*.") }
        for name in plain.isEmpty ? names.map({ "chancery-check" + $0.dropFirst() }) : plain {
            for place in places {
                var addresses = place.address.map { [$0] } ?? []
                if place.address == nil { addresses = await Endpoint.addresses(of: name) }
                for address in addresses.prefix(16) {
                    found.append(Endpoint(address: address, port: place.port, name: name, greeting: installer.greeting))
                }
            }
        }
        return Array(found.prefix(200))
    }
}

/// The program of this name in the usual folders.
func program(_ name: String) throws(AgentError) -> String {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
    guard let found = folders.map({ "\($0)/\(name)" }).first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
        throw .needsPerson("There is no program \(name) on this host, which the installation needs.")
    }
    return found
}

extension Dictionary where Key == String, Value == String {
    /// An option that is an absolute path.
    func path(_ name: String) throws(AgentError) -> String? {
        guard let value = self[name] else { return nil }
        guard value.hasPrefix("/"), !value.utf8.contains(0) else {
            throw .needsPerson("\(name)=\(value.sanitized) is no absolute path.")
        }
        return value
    }

    /// The option `host`, which becomes part of a path.
    func host(for kind: String) throws(AgentError) -> String {
        guard let typed = self["host"] else { throw .needsPerson("\(kind) wants host=NAME.") }
        do { return try DomainName.ascii(typed).text } catch {
            throw .needsPerson("\(kind): host=\(typed.sanitized) is no name of a host: \(error.reason)")
        }
    }

    /// By a signal to the process in the file `pid`, if that option is there, else by its service.
    func reload(_ service: String, signal: String, verb: String = "reload") throws(AgentError) -> [String] {
        if let pid = try path("pid") { return [try program("pkill"), "-\(signal)", "-F", pid] }
        return [try program("systemctl"), verb, service]
    }
}
