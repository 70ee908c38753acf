internal import ACME
internal import Measures
internal import NIOHTTP1
internal import Store

/// What a path names. One spelling each: nothing is decoded, folded or joined, so two different targets are two different things.
enum Route: Sendable, Equatable {
    case directory, newNonce, newAccount, newOrder, revokeCertificate, keyChange
    case account(RecordID), orders(RecordID)
    case order(RecordID), finalize(RecordID)
    case authorization(RecordID), challenge(RecordID, ChallengeType)
    case certificate(RecordID, chain: Int)
    /// The last part of the path, whatever it is.
    case renewalInfo(Substring)
    case terms(RecordID, token: String)
    case revocationList(String), issuer(String), rootPEM, rootDER
    case home, health, readiness, metrics

    static let prefix = "/acme/default"
    private static let prefixOfACME = prefix + "/"
    private static let renewalWord = "renewal-info"
    /// What a client puts a slash and a certificate's identifier behind (RFC 9773 section 4.1).
    static let renewalInfoBase = "\(prefix)/\(renewalWord)"

    /// - Returns: `nil` for a path that names nothing here.
    init?(_ path: Substring) {
        if let rest = path.after(Self.prefixOfACME) {
            self.init(acme: rest)
            return
        }
        switch path {
        case "/": self = .home
        case "/healthz": self = .health
        case "/readyz": self = .readiness
        case "/metrics": self = .metrics
        case "/root.pem": self = .rootPEM
        case "/root.cer": self = .rootDER
        default:
            if let name = path.after("/crl/")?.before(".crl") {
                self = .revocationList(String(name))
            } else if let name = path.after("/issuer/")?.before(".cer") {
                self = .issuer(String(name))
            } else {
                return nil
            }
        }
    }

    private init?(acme path: Substring) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 3, omittingEmptySubsequences: false).map(
            Substring.init)
        switch (parts.count, parts[0]) {
        case (1, "directory"): self = .directory
        case (1, "new-nonce"): self = .newNonce
        case (1, "new-account"): self = .newAccount
        case (1, "new-order"): self = .newOrder
        case (1, "revoke-cert"): self = .revokeCertificate
        case (1, "key-change"): self = .keyChange
        case (2, Self.renewalWord): self = .renewalInfo(parts[1])
        case (2...3, let kind):
            guard let id = RecordID(text: String(parts[1])) else { return nil }
            switch (kind, parts.count == 3 ? parts[2] : nil) {
            case ("account", nil): self = .account(id)
            case ("account", "orders"): self = .orders(id)
            case ("order", nil): self = .order(id)
            case ("order", "finalize"): self = .finalize(id)
            case ("authorization", nil): self = .authorization(id)
            case ("challenge", let type?):
                guard let type = ChallengeType(rawValue: String(type)) else { return nil }
                self = .challenge(id, type)
            case ("terms", let token?): self = .terms(id, token: String(token))
            case ("certificate", nil): self = .certificate(id, chain: 0)
            case ("certificate", let chain?):
                guard let chain = Self.ordinal(chain) else { return nil }
                self = .certificate(id, chain: chain)
            default: return nil
            }
        default: return nil
        }
    }

    /// 1 to 9, as the alternates of a certificate are counted.
    private static func ordinal(_ text: Substring) -> Int? {
        guard text.utf8.count == 1, let digit = text.utf8.first, (0x31...0x39).contains(digit) else { return nil }
        return Int(digit) - 0x30
    }

    /// The one path that names this.
    var path: String {
        switch self {
        case .directory: Self.prefix + "/directory"
        case .newNonce: Self.prefix + "/new-nonce"
        case .newAccount: Self.prefix + "/new-account"
        case .newOrder: Self.prefix + "/new-order"
        case .revokeCertificate: Self.prefix + "/revoke-cert"
        case .keyChange: Self.prefix + "/key-change"
        case .account(let id): Self.prefix + "/account/" + id.text
        case .orders(let id): Self.prefix + "/account/" + id.text + "/orders"
        case .order(let id): Self.prefix + "/order/" + id.text
        case .finalize(let id): Self.prefix + "/order/" + id.text + "/finalize"
        case .authorization(let id): Self.prefix + "/authorization/" + id.text
        case .challenge(let id, let type): Self.prefix + "/challenge/" + id.text + "/" + type.rawValue
        case .terms(let id, let token): Self.prefix + "/terms/" + id.text + "/" + token
        case .certificate(let id, chain: 0): Self.prefix + "/certificate/" + id.text
        case .certificate(let id, let chain): Self.prefix + "/certificate/" + id.text + "/\(chain)"
        case .renewalInfo(let certificate): "\(Self.renewalInfoBase)/\(certificate)"
        case .revocationList(let name): "/crl/" + name + ".crl"
        case .issuer(let name): "/issuer/" + name + ".cer"
        case .rootPEM: "/root.pem"
        case .rootDER: "/root.cer"
        case .home: "/"
        case .health: "/healthz"
        case .readiness: "/readyz"
        case .metrics: "/metrics"
        }
    }

    /// RFC 8555 section 6.3: everything of ACME is asked for by POST, the directory and a nonce also without signature.
    var methods: [HTTPMethod] {
        switch self {
        case .directory, .newNonce, .terms: [.GET, .HEAD, .POST, .OPTIONS]
        case .newAccount, .newOrder, .revokeCertificate, .keyChange, .account, .orders, .order, .finalize, .authorization,
            .challenge, .certificate:
            [.POST, .OPTIONS]
        case .renewalInfo, .revocationList, .issuer, .rootPEM, .rootDER, .home, .health, .readiness, .metrics:
            [.GET, .HEAD, .OPTIONS]
        }
    }

    /// Whether it belongs to the protocol, which only HTTPS serves.
    var isACME: Bool {
        switch self {
        case .revocationList, .issuer, .rootPEM, .rootDER, .home, .health, .readiness, .metrics: false
        default: true
        }
    }

    /// What it means for a server that cannot do all that is asked.
    var load: Admission.Kind {
        switch self {
        case .newAccount, .newOrder: .beginning
        default: .continuing
        }
    }

    /// A name without what varies, for log and metrics.
    var name: RouteName {
        switch self {
        case .directory: .directory
        case .newNonce: .newNonce
        case .newAccount: .newAccount
        case .newOrder: .newOrder
        case .revokeCertificate: .revokeCertificate
        case .keyChange: .keyChange
        case .account: .account
        case .orders: .orders
        case .order: .order
        case .finalize: .finalize
        case .authorization: .authorization
        case .challenge: .challenge
        case .certificate: .certificate
        case .renewalInfo: .renewalInfo
        case .terms: .terms
        case .revocationList: .revocationList
        case .issuer: .issuer
        case .rootPEM, .rootDER: .root
        case .home: .home
        case .health: .health
        case .readiness: .readiness
        case .metrics: .metrics
        }
    }
}

/// What requests are counted and logged by.
enum RouteName: String, LabelValue {
    case directory, account, orders, order, finalize, authorization, challenge, certificate, terms, issuer, root, home, metrics
    case newNonce = "new-nonce"
    case newAccount = "new-account"
    case newOrder = "new-order"
    case revokeCertificate = "revoke-cert"
    case keyChange = "key-change"
    case renewalInfo = "renewal-info"
    case revocationList = "crl"
    case health = "healthz"
    case readiness = "readyz"
    /// A path that names nothing.
    case unknown = "none"
}

extension Substring {
    /// The rest behind `prefix`, or `nil` when that is not how it begins.
    func after(_ prefix: String) -> Substring? {
        guard utf8.starts(with: prefix.utf8) else { return nil }
        return self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...]
    }
    /// What stands before `suffix`, or `nil` when that is not how it ends.
    func before(_ suffix: String) -> Substring? { hasSuffix(suffix) ? dropLast(suffix.count) : nil }
}
