internal import ACME
internal import Store

/// The URLs that are handed out, and the only strings a signed `url` or `kid` may be (RFC 8555 sections 6.2 and 6.4).
struct Addresses: Sendable {
    /// Without a slash at the end: `https://ca.example:8443`.
    let external: String
    private let accounts: String

    init(external: String) {
        let trimmed = external.hasSuffix("/") ? String(external.dropLast()) : external
        self.external = trimmed
        accounts = trimmed + Route.prefix + "/account/"
    }

    subscript(_ route: Route) -> String { external + route.path }

    /// - Returns: `nil` for anything but the exact URL of an account as it was handed out; whether the account exists is not asked.
    func account(_ kid: String) -> RecordID? {
        guard let text = Substring(kid).after(accounts), let id = RecordID(text: String(text)), id.text == text else {
            return nil
        }
        return id
    }
}
